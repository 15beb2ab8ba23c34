#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""The people on a mailing list."""

from __future__ import annotations

DOCUMENTATION = r"""
module: members
short_description: Manage the members, owners, moderators and nonmembers of a mailing list
version_added: 0.1.0
description:
  - Adds, changes and removes the people on one list, for each role by itself. Roles that aren't given stay as they are.
extends_documentation_fragment: [listkit.mailman3.rest, listkit.mailman3.roster, listkit.mailman3.roster.roles]
options:
  list:
    description: The list's full address.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Subscribe two people, and leave all others
  listkit.mailman3.members:
    list: members@example.org
    members:
      entries:
        - ana@example.org
        - {address: ben@example.org, display_name: Ben Marsh, delivery_mode: mime_digests}

- name: Make the members exactly those in a file, and the owners these two
  listkit.mailman3.members:
    list: members@example.org
    members:
      state: exact
      content: "{{ lookup('ansible.builtin.file', 'members.csv') }}"
    owners:
      state: exact
      entries: [ana@example.org, ben@example.org]
"""

RETURN = r"""
rosters:
  description: What was changed for each role; in check mode, what would be.
  type: list
  elements: dict
  returned: when the plan isn't refused
  sample:
    - list: members@example.org
      role: member
      added: 1
      changed: 0
      removed: 0
      plan: ['members@example.org: 1 members; 1 to add, 0 to change, 0 to remove', '  + ana@example.org']
failures:
  description: The people whose change Mailman refused, with the reason. The others are done.
  type: list
  elements: dict
  returned: when some changes fail
  sample: [{list: members@example.org, role: member, address: eve@example.com, reason: Membership is banned}]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.mailman3.plugins.module_utils import rest, rest_module, rosters
from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import is_address
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.plan import ROLE_NOUNS


def converge(module, api):
    """Converge the rosters of one list."""
    params = module.params
    if not is_address(params["list"]):
        raise ValueError(f"list: {params['list']!r} is not a full address (for example members@example.org)")
    declared = [
        rosters.Declared.of(params["list"].lower(), role, params[noun])
        for role, noun in ROLE_NOUNS.items()
        if params[noun] is not None
    ]
    if not declared:
        raise ValueError(f"needs one of {', '.join(ROLE_NOUNS.values())}")
    return rosters.finish(api, rosters.plan_all(api, declared), check=module.check_mode)


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            **rest.ARGUMENTS,
            "list": {"type": "str", "required": True},
            **{noun: {"type": "dict", "options": rosters.ARGUMENTS} for noun in ROLE_NOUNS.values()},
        },
        supports_check_mode=True,
    )
    rest_module.run(module, converge)


if __name__ == "__main__":
    main()
