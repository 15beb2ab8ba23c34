#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Addresses that can't subscribe or post."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ban
short_description: Ban addresses from one list or from all
version_added: 0.1.0
description:
  - Manages the addresses that can neither subscribe nor post. Members whose address is banned stay members.
extends_documentation_fragment: [listkit.mailman3.rest]
options:
  list:
    description: The list's full address. Without it, the bans are for all lists.
    type: str
  addresses:
    description: Addresses, and regular expressions that start with C(^). Case doesn't matter.
    type: list
    elements: str
    required: true
  state:
    description: V(present) adds them, V(absent) removes them, and V(exact) also removes all others.
    type: str
    choices: [present, absent, exact]
    default: present
"""

EXAMPLES = r"""
- name: Ban a domain from all lists
  listkit.mailman3.ban:
    addresses: ['^.*@spam[.]example$']

- name: Allow one address again
  listkit.mailman3.ban:
    list: members@example.org
    addresses: [eve@example.com]
    state: absent
"""

RETURN = r"""
bans:
  description: The bans afterwards; in check mode, what they would be.
  type: list
  elements: str
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.mailman3.plugins.module_utils import list_filters, rest, rest_module
from ansible_collections.listkit.mailman3.plugins.module_utils.changes import Change


def converge(module, api):
    """Converge the bans of one list, or those of all lists."""
    params, check = module.params, module.check_mode
    wrong = list_filters.ban_problem(params["addresses"])
    if wrong and params["state"] != "absent":
        raise ValueError(f"addresses: {wrong[0]} (for example {wrong[1]})")
    named = set(list_filters.normal_bans(params["addresses"]))
    owner = rest.list_path(api, params["list"]) if params["list"] else ""
    found = list_filters.bans(api, owner)
    wanted = {"present": named.union(found), "absent": set(found) - named, "exact": named}[params["state"]]
    list_filters.converge_bans(api, owner, sorted(wanted), check=check)
    what = f"bans of {params['list'] or 'all lists'}"
    return [Change(what, {"bans": found}, {"bans": sorted(wanted)})], {"bans": sorted(wanted)}


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            **rest.ARGUMENTS,
            "list": {"type": "str"},
            "addresses": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent", "exact"], "default": "present"},
        },
        supports_check_mode=True,
    )
    rest_module.run(module, converge)


if __name__ == "__main__":
    main()
