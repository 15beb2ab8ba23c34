#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""The mailing lists that exist."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mailing_lists_info
short_description: Return all mailing lists in the form in which they are declared
version_added: 0.1.0
description:
  - Returns the lists with their owners, moderators, filters, templates and settings, as C(lists) of
    M(listkit.mailman3.mailing_lists). With these options, that module changes nothing.
  - Settings that a new list would have are left out.
extends_documentation_fragment: [listkit.mailman3.rest, listkit.mailman3.templates]
options:
  defaults:
    description: Settings of every declared list, as in M(listkit.mailman3.mailing_lists). Lists with these values don't
      have to declare them.
    type: dict
    default: {}
  members:
    description: Whether to return the members too.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Look at the lists
  listkit.mailman3.mailing_lists_info:
  register: found

- name: Show them
  ansible.builtin.debug:
    var: found.lists
"""

RETURN = r"""
lists:
  description: The lists, sorted by address.
  type: list
  elements: dict
  returned: always
  sample: [{name: members@example.org, owners: [ana@example.org], settings: {advertised: false}}]
left_out:
  description: Options that can't be declared as they are in Mailman, with the reason.
  type: list
  elements: dict
  returned: always
  sample: [{list: members@example.org, option: bans, reason: "'^a/b' has a slash"}]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.mailman3.plugins.module_utils import mailing_lists, rest, rest_module, templates
from ansible_collections.listkit.mailman3.plugins.module_utils.live_lists import LiveList


def look_up(module, api):
    """Return no changes, and the lists."""
    params = module.params
    found = [
        LiveList(address).read(api, params["defaults"], params["templates_directory"], members=params["members"])
        for address in mailing_lists.addresses_of_all(api)
    ]
    left_out = [item for one in found for item in one.left_out]
    return [], {"lists": [one.declaration for one in found], "left_out": left_out}


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            **rest.ARGUMENTS,
            **templates.ARGUMENTS,
            "defaults": {"type": "dict", "default": {}},
            "members": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    rest_module.run(module, look_up)


if __name__ == "__main__":
    main()
