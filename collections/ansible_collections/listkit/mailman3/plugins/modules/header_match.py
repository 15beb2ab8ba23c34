#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Manage a list's rules about posts with a certain header."""

from __future__ import annotations

DOCUMENTATION = r"""
module: header_match
short_description: Manage one header match of a mailing list
version_added: 0.1.0
description:
  - Adds, changes or removes one rule about posts with a certain header. A new rule comes after the others.
  - M(listkit.mailman3.mailing_list) manages all rules of a list at once, with their order.
extends_documentation_fragment: [listkit.mailman3.rest]
options:
  list:
    description: The list's full address.
    type: str
    required: true
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
  state:
    description: V(absent) removes the rule with this header and pattern.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Hold what the spam filter marked
  listkit.mailman3.header_match:
    list: members@example.org
    header: X-Spam-Flag
    pattern: 'yes'
    action: hold
"""

RETURN = r"""
header_matches:
  description: The list's rules afterwards, in their order; in check mode, what they would be.
  type: list
  elements: dict
  returned: always
  sample: [{header: x-spam-flag, pattern: 'yes', action: hold}]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.mailman3.plugins.module_utils import list_filters, rest, rest_module
from ansible_collections.listkit.mailman3.plugins.module_utils.changes import Change


def converge(module, api):
    """Converge one rule of one list."""
    params, check = module.params, module.check_mode
    match = {key: params[key] for key in list_filters.HEADER_MATCH_ARGUMENTS}
    wrong = list_filters.header_match_problem([match])
    if wrong:
        raise ValueError(f"{wrong[0]} (for example {wrong[1]})")
    owner = rest.list_path(api, params["list"])
    found = list_filters.header_matches(api, owner)
    wanted = _with(found, list_filters.normal_header_matches([match])[0], absent=params["state"] == "absent")
    list_filters.converge_header_matches(api, owner, wanted, check=check)
    what = f"header matches of {params['list']}"
    change = Change(what, {"header_matches": found}, {"header_matches": wanted})
    return [change], {"header_matches": wanted}


def _with(matches, match, absent):
    """Return the rules with `match` in the place of the one with its header and pattern, or without that one."""
    key = (match["header"], match["pattern"])
    keys = [(other["header"], other["pattern"]) for other in matches]
    if absent:
        return [other for other, other_key in zip(matches, keys, strict=True) if other_key != key]
    if key not in keys:
        return [*matches, match]
    return [match if other_key == key else other for other, other_key in zip(matches, keys, strict=True)]


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            **rest.ARGUMENTS,
            "list": {"type": "str", "required": True},
            **list_filters.HEADER_MATCH_ARGUMENTS,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    rest_module.run(module, converge)


if __name__ == "__main__":
    main()
