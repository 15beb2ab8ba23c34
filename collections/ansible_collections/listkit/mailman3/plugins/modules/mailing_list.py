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
extends_documentation_fragment: [listkit.mailman3.rest, listkit.mailman3.roster, listkit.mailman3.templates]
options:
  name:
    description: The list's full address.
    type: str
    required: true
  description:
    description: One line about the list. Unchanged if not given.
    type: str
  owners:
    description: Addresses of the owners; any others are removed, but not the last one. Unchanged if not given.
    type: list
    elements: str
  moderators:
    description: Addresses of the moderators; any others are removed. Unchanged if not given.
    type: list
    elements: str
  members:
    description: The members, as in M(listkit.mailman3.members). Unchanged if not given.
    type: dict
    suboptions:
      state:
        description: V(exact) removes those who aren't named; V(present) leaves them.
        type: str
        choices: [present, exact]
        default: present
      entries:
        description: The people, as in M(listkit.mailman3.members). One of C(entries), C(file) or C(content) is needed.
        type: list
        elements: raw
      file:
        description: File on the managed host with the people.
        type: path
      content:
        description: Text with the people, for example the output of a command.
        type: str
      format:
        description: Format of C(file) or C(content), as in M(listkit.mailman3.members).
        type: str
        choices: [detect, csv, google, sympa, mailman]
        default: detect
      allow_empty:
        description: Whether V(exact) may remove everyone, when no one is named.
        type: bool
        default: false
      max_removals:
        description: How many people V(exact) may remove, instead of 25 % and 20.
        type: int
  bans:
    description: Addresses, and patterns that start with C(^), that can't subscribe or post. Any others are removed.
    type: list
    elements: str
  header_matches:
    description: What to do with posts that have such a header. Any other rules are removed.
    type: list
    elements: dict
    suboptions:
      header:
        description: The header's name, without a colon.
        type: str
        required: true
      pattern:
        description: Regular expression that its value contains. Case doesn't matter.
        type: str
        required: true
      action:
        description: What happens to the post. The site's default if not given.
        type: str
        choices: [hold, reject, discard, accept, defer]
  templates:
    description:
      - The list's own texts by the template's name, such as V(list:user:notice:welcome). Others are left unchanged.
      - Each is a text, a dictionary C(uri) with the place to read it from, or C({state: absent}) to remove it.
    type: dict
    default: {}
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
