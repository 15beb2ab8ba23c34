# SPDX-License-Identifier: MIT
"""Recipients per day of the declared lists."""

from __future__ import annotations

DOCUMENTATION = r"""
name: list_demand
short_description: Return recipients per day of the declared lists
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Returns, by full address, how many recipients each list sends to per day, V(expected_members) times
    V(posts_per_day). Lists without these are left out.
options:
  _input:
    description: The declared lists, as in C(mailman_lists).
    type: list
    elements: dict
    required: true
  domain:
    description: The site's domain.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the demand of the lists
  ansible.builtin.debug:
    msg: "{{ lists | listkit.kit.list_demand('example.org') }}"
  vars:
    lists: [{name: members, expected_members: 250, posts_per_day: 2}]
"""

RETURN = r"""
_value:
  description: Recipients per day by address.
  type: dict
  sample: {members@example.org: 500}
"""

from ansible_collections.listkit.kit.plugins.plugin_utils.accounts import needs


def list_demand(lists, domain):
    """Return recipients per day by list address."""
    return {address: need for address, need in needs(lists, domain).items() if need}


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filters of this file by name."""
        return {"list_demand": list_demand}
