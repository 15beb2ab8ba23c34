#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""A mailing list."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mailing_list
short_description: Manage a mailing list of Mailman
version_added: 0.1.0
description:
  - Makes a list exist with its owners, moderators and settings, or removes it. What is not given is left as it is.
  - For a whole site's lists M(listkit.mailman3.mailing_lists) is faster.
extends_documentation_fragment: listkit.mailman3.rest
options:
  name:
    description: The list's full address.
    type: str
    required: true
  description:
    description: One line about the list.
    type: str
  owners:
    description: Addresses of exactly those who own the list.
    type: list
    elements: str
  moderators:
    description: Addresses of exactly those who moderate the list.
    type: list
    elements: str
  settings:
    description: Settings by their names in Mailman's REST interface.
    type: dict
    default: {}
  style:
    description: The style that a new list is made with, instead of Mailman's default.
    type: str
  state:
    description: V(absent) removes the list with its members and held messages. Its archive stays.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Have a list for the members
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
    """Bring the list to its state."""
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
