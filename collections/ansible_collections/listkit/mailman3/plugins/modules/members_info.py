#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Read the people on a mailing list."""

from __future__ import annotations

DOCUMENTATION = r"""
module: members_info
short_description: Return the people on a mailing list
version_added: 0.1.0
description:
  - Returns everyone with a role on one list, in the form that M(listkit.mailman3.members) accepts.
extends_documentation_fragment: [listkit.mailman3.rest]
options:
  list:
    description: The list's full address.
    type: str
    required: true
  roles:
    description: The roles to return.
    type: list
    elements: str
    choices: [member, owner, moderator, nonmember]
    default: [member, owner, moderator]
"""

EXAMPLES = r"""
- name: Look who is on a list
  listkit.mailman3.members_info:
    list: members@example.org
  register: people

- name: Show the owners
  ansible.builtin.debug:
    var: people.rosters.owners
"""

RETURN = r"""
rosters:
  description: The people by role, as C(members), C(owners), C(moderators) and C(nonmembers).
  type: dict
  returned: always
  sample:
    members:
      - {address: ana@example.org, display_name: Ana Lopez, delivery_mode: regular, delivery_status: enabled}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.mailman3.plugins.module_utils import rest, rest_module, rosters
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.entries import ROLES
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.plan import ROLE_NOUNS


def look_up(module, api):
    """Return no changes, and the people."""
    address = module.params["list"].lower()
    found = {ROLE_NOUNS[role]: rosters.people(api, address, role) for role in module.params["roles"]}
    entries = {noun: [{"address": one.address, **one.properties()} for one in found[noun]] for noun in found}
    return [], {"rosters": entries}


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            **rest.ARGUMENTS,
            "list": {"type": "str", "required": True},
            "roles": {
                "type": "list",
                "elements": "str",
                "choices": list(ROLES),
                "default": ["member", "owner", "moderator"],
            },
        },
        supports_check_mode=True,
    )
    rest_module.run(module, look_up)


if __name__ == "__main__":
    main()
