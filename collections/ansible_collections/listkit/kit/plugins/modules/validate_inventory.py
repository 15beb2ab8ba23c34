#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Documentation of the action `listkit.kit.validate_inventory`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: validate_inventory
short_description: Check the operator's variables before anything is changed
version_added: 0.1.0
description:
  - Reads the argument specs of all roles and reports all problems of the inventory at once, each with the variable, the
    reason and a valid example.
  - Needs no connection to the host. Put it at the start of the first play.
  - Also reports misspelt names of variables and of keys in them, names that the plays of this file override, and values
    that Ansible would shorten.
  - A boolean or a number of the operator may be text, as in an INI inventory; the plays convert it. Those of the roles
    may not. A number is not accepted as text.
  - Never prints the value of an option with C(no_log).
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: none
    description: Changes nothing.
options:
  operator:
    description: The role whose argument spec describes the operator's variables. All of these are checked.
    type: str
    default: site
  roles:
    description:
      - Further roles whose variables may be set. Only those in the inventory are checked.
      - If empty, all roles in the roles path.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Check every variable before anything changes
  hosts: mailman
  gather_facts: false
  pre_tasks:
    - name: Check the operator's variables
      listkit.kit.validate_inventory:
"""

RETURN = r"""
msg:
  description: One line for each problem, with the variable, the reason and a valid example.
  type: str
  returned: failure
  sample: |-
    1 problem in the inventory; nothing was changed:
    mail_account: 'mailman' has no @: a full e-mail address is needed (for example mailman@example.org)
"""
