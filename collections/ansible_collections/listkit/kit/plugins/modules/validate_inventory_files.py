#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Documentation of the action `listkit.kit.validate_inventory_files`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: validate_inventory_files
short_description: Check that the inventory can be read as it is written, and has the host
version_added: 0.1.0
description:
  - Reports what Ansible would silently lose in an INI inventory, such as the part of a password after C(#), and errors
    in a YAML inventory, for which Ansible only warns.
  - Fails if no host is called or grouped C(mailman). Run it on C(localhost).
  - P(listkit.kit.inventory_errors#callback) reports errors in C(group_vars) and C(host_vars), with which Ansible
    doesn't start a play.
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: none
    description: Changes nothing.
options: {}
"""

EXAMPLES = r"""
- name: Check the inventory's files
  hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: See that they can be read as they are written
      listkit.kit.validate_inventory_files:
"""

RETURN = r"""
msg:
  description: One line for each problem, with the file, the reason and an example.
  type: str
  returned: failure
"""
