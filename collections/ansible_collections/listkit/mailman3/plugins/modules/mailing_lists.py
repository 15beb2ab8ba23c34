#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""All mailing lists of a site."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mailing_lists
short_description: Manage all mailing lists of a site in one step
version_added: 0.1.0
description:
  - Creates, configures and removes the declared lists, and creates their domains, in one remote execution.
  - Lists that aren't declared are left unchanged. They are returned, with the settings that differ
    from O(defaults).
extends_documentation_fragment:
  - listkit.mailman3.mailing_list.lists
  - listkit.mailman3.rest
  - listkit.mailman3.roster
  - listkit.mailman3.templates
options:
  domain:
    description: The default domain. It is created if missing, and completes names without C(@).
    type: str
    required: true
  domains:
    description: Properties of domains, which are created if missing.
    type: list
    elements: dict
    default: []
    suboptions:
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
  defaults:
    description: Settings of every declared list, by their names in Mailman's REST interface.
    type: dict
    default: {}
  templates:
    description:
      - Texts for all lists, declared or not, by the template's name, as in O(lists[].templates).
      - A list's own template overrides them.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Manage the site's lists
  listkit.mailman3.mailing_lists:
    domain: example.org
    defaults:
      dmarc_mitigate_action: munge_from
    lists:
      - name: members
        owners: [ana@example.org]
      - name: press@example.net
        templates:
          list:user:notice:welcome: |
            Welcome to $display_name!
"""

RETURN = r"""
lists:
  description: Addresses of all lists that exist, declared or not; in check mode also of those that would be created.
  type: list
  elements: str
  returned: always
created:
  description: Addresses of the lists that were created.
  type: list
  elements: str
  returned: always
removed:
  description: Lists that were removed, each with the number of its members and held messages.
  type: list
  elements: dict
  returned: always
  sample: [{list: old@example.org, members: 12, held_messages: 3}]
undeclared:
  description: Addresses of the lists that exist and aren't declared. They are left unchanged.
  type: list
  elements: str
  returned: always
drift:
  description: Undeclared lists whose settings differ from O(defaults), with the differing settings.
  type: list
  elements: dict
  returned: always
  sample: [{list: old@example.org, settings: {dmarc_mitigate_action: no_mitigation}}]
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
from ansible_collections.listkit.mailman3.plugins.module_utils.changes import Change


def converge(module, api):
    """Converge the domains and the declared lists, and inspect the others."""
    params, check = module.params, module.check_mode
    wrong = templates.problem(params["templates"], templates.NAMES)
    if wrong:
        raise ValueError(f"templates: {wrong[0]} (for example {wrong[1]})")
    declared = [mailing_lists.Declaration.of(item, params["domain"], params["defaults"]) for item in params["lists"]]
    # First of all, what may stop the run: lists to remove that aren't empty, and plans that remove too many people.
    mailing_lists.refuse_losses(api, declared)
    planned = rosters.plan_all(api, [roster for item in declared for roster in item.rosters], new_lists=True)
    wanted = {item.address for item in declared if not item.absent}
    described = {item["name"].lower(): item for item in params["domains"]}
    domains = sorted({params["domain"], *described, *(address.partition("@")[2] for address in wanted)})
    directory = params["templates_directory"]
    of_site = templates.Templates(api, "", directory).converge(params["templates"], check=check)
    site_changes = [
        Change("templates of all lists", *of_site),
        *(_converge_domain(api, domain, described.get(domain, {}), check) for domain in domains),
    ]
    list_changes = [mailing_lists.converge_list(api, item, directory, check=check) for item in declared]
    gone = {item.address for item in declared if item.absent}
    existing = (set(mailing_lists.addresses_of_all(api)) | wanted) - gone
    undeclared = sorted(existing - wanted)
    results = {
        "lists": sorted(existing),
        "created": [change.after["list"] for change in list_changes if change.created],
        "removed": [change.before for change in list_changes if change.removed],
        "undeclared": undeclared,
        "drift": mailing_lists.drift(api, undeclared, params["defaults"]),
    }
    return rosters.finish(api, planned, site_changes + list_changes, results, check=check)


def _converge_domain(api, name, item, check):
    return mailing_lists.converge_domain(api, name, item.get("description"), item.get("owners"), check=check)


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            **rest.ARGUMENTS,
            **templates.ARGUMENTS,
            "domain": {"type": "str", "required": True},
            "lists": {"type": "list", "elements": "dict", "default": [], "options": mailing_lists.ARGUMENTS},
            "domains": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "description": {"type": "str"},
                    "owners": {"type": "list", "elements": "str"},
                },
            },
            "defaults": {"type": "dict", "default": {}},
            "templates": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    rest_module.run(module, converge)


if __name__ == "__main__":
    main()
