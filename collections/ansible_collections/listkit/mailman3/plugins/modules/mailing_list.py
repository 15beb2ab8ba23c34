#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""A mailing list."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mailing_list
short_description: Manage a mailing list of Mailman
version_added: 0.1.0
description:
  - Creates, configures or removes a list. Options that aren't given leave the list unchanged.
  - M(listkit.mailman3.mailing_lists) is faster for more than one list.
extends_documentation_fragment: listkit.mailman3.rest
options:
  name:
    description: The list's full address.
    type: str
    required: true
  description:
    description: One line about the list. Unchanged if not given.
    type: str
  owners:
    description: Addresses of the owners; any others are removed. Unchanged if not given.
    type: list
    elements: str
  moderators:
    description: Addresses of the moderators; any others are removed. Unchanged if not given.
    type: list
    elements: str
  settings:
    description: Settings by their names in Mailman's REST interface.
    type: dict
    default: {}
  style:
    description: Style of a new list, instead of Mailman's default. Existing lists keep theirs.
    type: str
  state:
    description: V(absent) removes the list with its members and held messages. The archive is kept.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Create a list for the members
  listkit.mailman3.mailing_list:
    name: members@example.org
    description: News for our members
    owners: [ana@example.org]
    settings:
      default_member_action: hold
"""

RETURN = r"""#"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.mailman3.plugins.module_utils import mailing_lists, rest, rest_module
from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import is_address


def converge(module, api):
    """Converge the list."""
    if not is_address(module.params["name"]):
        raise ValueError(f"name: {module.params['name']!r} is not a full address (for example members@example.org)")
    declared = mailing_lists.Declaration.of(module.params, domain="", defaults={})
    return [mailing_lists.converge_list(api, declared, check=module.check_mode)], {}


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={**rest.ARGUMENTS, **mailing_lists.ARGUMENTS},
        supports_check_mode=True,
    )
    rest_module.run(module, converge)


if __name__ == "__main__":
    main()
