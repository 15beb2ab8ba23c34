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
extends_documentation_fragment:
  - listkit.mailman3.mailing_list
  - listkit.mailman3.rest
  - listkit.mailman3.roster
  - listkit.mailman3.templates
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

RETURN = r"""
rosters:
  description: What was changed for each declared roster, as M(listkit.mailman3.members) returns it.
  type: list
  elements: dict
  returned: when no plan is refused
failures:
  description: The people whose change Mailman refused, with the reason. All other changes are done.
  type: list
  elements: dict
  returned: when some changes fail
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.mailman3.plugins.module_utils import (
    mailing_lists,
    rest,
    rest_module,
    rosters,
    templates,
)
from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import is_address


def converge(module, api):
    """Converge the list."""
    if not is_address(module.params["name"]):
        raise ValueError(f"name: {module.params['name']!r} is not a full address (for example members@example.org)")
    declared = mailing_lists.Declaration.of(module.params, domain="", defaults={})
    mailing_lists.refuse_losses(api, [declared])
    planned = rosters.plan_all(api, declared.rosters, new_lists=True)
    change = mailing_lists.converge_list(api, declared, module.params["templates_directory"], check=module.check_mode)
    return rosters.finish(api, planned, [change], check=module.check_mode)


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={**rest.ARGUMENTS, **templates.ARGUMENTS, **mailing_lists.ARGUMENTS},
        supports_check_mode=True,
    )
    rest_module.run(module, converge)


if __name__ == "__main__":
    main()
