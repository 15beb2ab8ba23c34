#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""A mail domain of Mailman."""

from __future__ import annotations

DOCUMENTATION = r"""
module: domain
short_description: Manage a mail domain of Mailman
version_added: 0.1.0
description:
  - Creates or removes a domain, which lists need.
extends_documentation_fragment: listkit.mailman3.rest
options:
  name:
    description: The part after the C(@) of the domain's lists.
    type: str
    required: true
  description:
    description: One line about the domain. Unchanged if not given.
    type: str
  owners:
    description: Addresses of the owners, who can make lists in the domain; any others are removed. Unchanged if not
      given.
    type: list
    elements: str
  state:
    description: V(absent) removes the domain.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Create example.org
  listkit.mailman3.domain:
    name: example.org
    owners: [ana@example.org]
"""

RETURN = r"""#"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.mailman3.plugins.module_utils import rest, rest_module
from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import is_address
from ansible_collections.listkit.mailman3.plugins.module_utils.mailing_lists import converge_domain


def converge(module, api):
    """Converge the domain."""
    params = module.params
    if bad := next((owner for owner in params["owners"] or () if not is_address(owner)), None):
        raise ValueError(f"owners: {bad!r} is not a full address (for example ana@example.org)")
    absent = params["state"] == "absent"
    change = converge_domain(
        api, params["name"], params["description"], params["owners"], absent=absent, check=module.check_mode
    )
    return [change], {}


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            **rest.ARGUMENTS,
            "name": {"type": "str", "required": True},
            "description": {"type": "str"},
            "owners": {"type": "list", "elements": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    rest_module.run(module, converge)


if __name__ == "__main__":
    main()
