# SPDX-License-Identifier: MIT
"""The lists that a change of domain would leave behind."""

from __future__ import annotations

DOCUMENTATION = r"""
name: lists_left_behind
short_description: Find lists whose domain the inventory no longer names
version_added: 0.1.0
description:
  - A list can't change its domain. If the inventory names a new domain, new lists without members are created, and
    those of the old domain stay behind with their members.
  - Returns such lists.
options:
  _input:
    description: Addresses of the lists that the last run declared.
    type: list
    elements: str
    required: true
  declared:
    description: Addresses of the lists that are declared now.
    type: list
    elements: str
    required: true
  domains:
    description: Domains that the inventory names. Their lists don't count.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show the lists that would stay behind
  ansible.builtin.debug:
    msg: "{{ ['members@old.example'] | listkit.kit.lists_left_behind(['members@example.org'], ['example.org']) }}"
"""

RETURN = r"""
_value:
  description: The old addresses of lists that are declared in another domain now, sorted.
  type: list
  elements: str
"""


def lists_left_behind(previous, declared, domains):
    """Return the lists of `previous` in none of `domains`, of which `declared` has a namesake."""
    names = {address.partition("@")[0] for address in declared}
    split = (address.partition("@") for address in sorted(previous))
    return [name + at + domain for name, at, domain in split if name in names and domain not in domains]


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filters of this file by name."""
        return {"lists_left_behind": lists_left_behind}
