#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""All mailing lists of a site."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mailing_lists
short_description: Manage all mailing lists of a site in one step
version_added: 0.1.0
description:
  - Makes the declared lists and their domains exist, with owners, moderators and settings, in one remote execution.
  - Lists that aren't declared are never touched. Those that deviate from O(defaults) are reported.
extends_documentation_fragment: listkit.mailman3.rest
options:
  domain:
    description: The site's domain. It is made to exist, and completes names without C(@).
    type: str
    required: true
  lists:
    description: The lists, each as for M(listkit.mailman3.mailing_list), where V(name) may lack the domain.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The part before the C(@), or a full address.
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
        description: Settings by their names in Mailman's REST interface. They win over O(defaults).
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
  defaults:
    description: Settings of every declared list.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Have the declared lists
  listkit.mailman3.mailing_lists:
    domain: example.org
    defaults:
      dmarc_mitigate_action: munge_from
    lists:
      - name: members
        owners: [ana@example.org]
      - name: press@example.net
"""

RETURN = r"""
lists:
  description: Addresses of all lists that exist, declared or not; in check mode also of those that would be made.
  type: list
  elements: str
  returned: always
drift:
  description: Lists that aren't declared and deviate from O(defaults), with the settings in question.
  type: list
  elements: dict
  returned: always
  sample: [{list: old@example.org, settings: {dmarc_mitigate_action: no_mitigation}}]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.mailman3.plugins.module_utils import mailing_lists, rest, rest_module


def converge(module, api):
    """Bring domains and lists to their states, and look at the others."""
    params, check = module.params, module.check_mode
    declared = [mailing_lists.Declaration.of(item, params["domain"], params["defaults"]) for item in params["lists"]]
    wanted = [item for item in declared if not item.absent]
    domains = sorted({params["domain"], *(item.address.partition("@")[2] for item in wanted)})
    changes = [mailing_lists.converge_domain(api, domain, check=check) for domain in domains]
    changes += [mailing_lists.converge_list(api, item, check=check) for item in declared]
    gone = {item.address for item in declared if item.absent}
    existing = (set(mailing_lists.addresses_of_all(api)) | {item.address for item in wanted}) - gone
    others = sorted(existing - {item.address for item in declared})
    drift = mailing_lists.drift(api, others, params["defaults"])
    return changes, {"lists": sorted(existing), "drift": drift}


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            **rest.ARGUMENTS,
            "domain": {"type": "str", "required": True},
            "lists": {"type": "list", "elements": "dict", "default": [], "options": mailing_lists.ARGUMENTS},
            "defaults": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    rest_module.run(module, converge)


if __name__ == "__main__":
    main()
