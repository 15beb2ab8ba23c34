#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Documentation of the action `listkit.host.distribution`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: distribution
short_description: Detect a host's distribution
version_added: 0.1.0
description:
  - Sets the facts C(distribution), C(distribution_version) and C(distribution_major_version), and no others, from
    C(/etc/os-release).
  - Ten times faster than M(ansible.builtin.setup), because Python doesn't start on the host.
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: N/A
    description: Changes nothing.
options: {}
"""

EXAMPLES = r"""
- name: Detect the distribution
  listkit.host.distribution:

- name: Show it
  ansible.builtin.debug:
    msg: "{{ ansible_facts['distribution'] }} {{ ansible_facts['distribution_major_version'] }}"
"""

RETURN = r"""
ansible_facts:
  description: The facts.
  type: dict
  returned: always
"""
