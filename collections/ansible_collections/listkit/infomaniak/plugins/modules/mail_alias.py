#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Aliases of a mailbox."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_alias
short_description: Manage aliases of an Infomaniak mailbox
version_added: 0.1.0
description:
  - Adds aliases to a mailbox or removes them, all in one call, one request for each alias that changes.
  - Aliases that aren't named stay, unless O(exclusive) is set.
extends_documentation_fragment:
  - listkit.infomaniak.api
  - listkit.infomaniak.hosting
  - listkit.infomaniak.mailbox
options:
  aliases:
    description: Aliases, the part before the C(@). They are added in this order, which counts when not all fit.
    type: list
    elements: str
    required: true
  state:
    description: V(absent) removes the aliases.
    type: str
    choices: [present, absent]
    default: present
  exclusive:
    description: With O(state=present), remove all other aliases of the mailbox.
    type: bool
    default: false
seealso:
  - module: listkit.infomaniak.mail_alias_info
  - module: listkit.infomaniak.mail_redirection
"""

EXAMPLES = r"""
- name: Receive mail for a list
  listkit.infomaniak.mail_alias:
    mail_hosting: 123456
    mailbox: mailman
    aliases: [news, news-owner, news-bounces, news-request]
  delegate_to: localhost
"""

RETURN = r"""
aliases:
  description: All aliases of the mailbox afterwards.
  type: list
  elements: str
  returned: always
created:
  description: Aliases that are new.
  type: list
  elements: str
  returned: always
removed:
  description: Aliases that are gone.
  type: list
  elements: str
  returned: always
undeclared:
  description: Aliases of the mailbox that O(aliases) doesn't name.
  type: list
  elements: str
  returned: success, with O(state=present)
missing:
  description: Aliases that could not be added.
  type: list
  elements: str
  returned: failure
lists_without_room:
  description: Mailing lists, recognised by their alias for owners, that lack one of O(ignore:missing).
  type: list
  elements: str
  returned: failure
requests:
  description: Number of requests that were sent.
  type: int
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.infomaniak.plugins.module_utils import aliases, api_module
from ansible_collections.listkit.infomaniak.plugins.module_utils.names import local_part


def converge(module, client):
    """Bring the aliases to their state."""
    params = module.params
    mailbox = api_module.mailbox_path(params)
    declared = [local_part("aliases", alias) for alias in params["aliases"]]
    if local_part("mailbox", params["mailbox"]) in declared:
        raise ValueError(f"aliases: {params['mailbox']} is the mailbox's own name; leave it out")
    absent = params["state"] == "absent"
    todo = aliases.plan(aliases.find(client, mailbox), declared, absent, params["exclusive"])
    after = todo.result if module.check_mode else aliases.converge(client, mailbox, todo)
    undeclared = {} if absent else {"undeclared": [alias for alias in after if alias not in declared]}
    return aliases.outcome(todo.have, after, **undeclared)


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            **api_module.ARGUMENTS,
            **api_module.MAILBOX_ARGUMENTS,
            "aliases": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "exclusive": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    api_module.run(module, converge)


if __name__ == "__main__":
    main()
