#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Documentation of the action `listkit.host.packages`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: packages
short_description: Install missing Debian packages
version_added: 0.1.0
description:
  - Installs missing packages with M(ansible.builtin.apt), without recommended packages. Upgrades nothing.
  - Reads dpkg's records first. If no package is missing, this takes a fifth of the time, as neither Python nor apt
    starts on the host.
  - Updates apt's package lists when they lack one of the packages or are older than an hour.
  - Waits up to five minutes for another apt or dpkg, such as unattended-upgrades.
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: Doesn't run apt, which may have no lists yet. Only a real run reports a package that doesn't exist.
  diff_mode:
    support: full
    description: The diff of M(ansible.builtin.apt); in check mode, the names of the packages.
options:
  name:
    description: Names of packages.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Install Mailman
  listkit.host.packages:
    name: [mailman3, python3-mailman-hyperkitty]
"""

RETURN = r"""
missing:
  description: The packages that were missing.
  type: list
  elements: str
  returned: always
"""
