#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Documentation of the action `listkit.host.packages`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: packages
short_description: Install Debian packages, and find out cheaply when they are there
version_added: 0.1.0
description:
  - Installs what is missing, without recommended packages, by M(ansible.builtin.apt). Upgrades nothing.
  - Reads dpkg's records first. Where all packages are there, that takes a fifth of the time, as neither Python nor apt
    starts on the host.
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: Doesn't ask apt, which may have no lists yet; a package that doesn't exist is told in a real run only.
  diff_mode:
    support: full
    description: What M(ansible.builtin.apt) shows; in check mode the names of the packages.
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
  description: The packages that were not there.
  type: list
  elements: str
  returned: always
"""
