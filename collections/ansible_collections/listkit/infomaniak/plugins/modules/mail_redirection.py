#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Redirection addresses of a Mail Service."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_redirection
short_description: Manage redirection addresses of an Infomaniak Mail Service
version_added: 0.1.0
description:
  - Adds redirection addresses, which forward to other addresses without a mailbox of their own, or removes them.
  - Redirection addresses that aren't named stay. Targets that aren't named stay too, unless O(exclusive) is set.
  - Infomaniak asks each target to agree, by a message with a link. There is a warning for each that hasn't.
extends_documentation_fragment:
  - listkit.infomaniak.api
  - listkit.infomaniak.hosting
options:
  redirections:
    description: The redirection addresses.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The address, the part before the C(@).
        type: str
        required: true
      targets:
        description: Full addresses that mail is forwarded to, at most 10. Required for a new redirection address.
        type: list
        elements: str
        default: []
  state:
    description: V(absent) removes the redirection addresses.
    type: str
    choices: [present, absent]
    default: present
  exclusive:
    description: With O(state=present), remove other targets of the redirection addresses that are named.
    type: bool
    default: false
seealso:
  - module: listkit.infomaniak.mail_redirection_info
  - module: listkit.infomaniak.mail_alias
"""

EXAMPLES = r"""
- name: Receive mail for a list without spending an alias
  listkit.infomaniak.mail_redirection:
    mail_hosting: 123456
    redirections:
      - name: news
        targets: [mailman@example.org]
  delegate_to: localhost
"""

RETURN = r"""
redirections:
  description: All redirection addresses of the Mail Service afterwards.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: The part before the C(@).
      type: str
    targets:
      description: Addresses that mail is forwarded to.
      type: list
      elements: str
    pending:
      description: Targets that haven't agreed yet, and receive nothing until they do.
      type: list
      elements: str
    enabled:
      description: Whether the redirection forwards at all.
      type: bool
undeclared:
  description: Names of redirection addresses that O(redirections) doesn't name.
  type: list
  elements: str
  returned: success
requests:
  description: Number of requests that were sent.
  type: int
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.infomaniak.plugins.module_utils import api_module, redirections
from ansible_collections.listkit.infomaniak.plugins.module_utils.redirections import Redirection


def converge(module, client):
    """Bring the redirection addresses to their state."""
    params = module.params
    hosting = api_module.hosting_path(params)
    declared = [Redirection.of_option(option) for option in params["redirections"]]
    have = redirections.find(client, hosting)
    after = redirections.wanted(have, declared, params["state"] == "absent", params["exclusive"])
    if not module.check_mode:
        after = redirections.converge(client, hosting, have, after)
    return redirections.outcome(have, after, declared)


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            **api_module.ARGUMENTS,
            **api_module.HOSTING_ARGUMENTS,
            "redirections": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "targets": {"type": "list", "elements": "str", "default": []},
                },
            },
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "exclusive": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    api_module.run(module, converge)


if __name__ == "__main__":
    main()
