#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Documentation of the action `listkit.host.distribution`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: distribution
short_description: Find out which distribution a host runs
version_added: 0.1.0
description:
  - Sets the facts C(distribution), C(distribution_version) and C(distribution_major_version), and no others, from
    C(/etc/os-release).
  - Takes a tenth of the time of M(ansible.builtin.setup), because no Python starts on the host.
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: It only looks.
  diff_mode:
    support: N/A
    description: It changes nothing.
options: {}
"""

EXAMPLES = r"""
- name: Find out the distribution
  listkit.host.distribution:

- name: Say it
  ansible.builtin.debug:
    msg: "{{ ansible_facts['distribution'] }} {{ ansible_facts['distribution_major_version'] }}"
"""

RETURN = r"""
ansible_facts:
  description: The facts.
  type: dict
  returned: always
"""
