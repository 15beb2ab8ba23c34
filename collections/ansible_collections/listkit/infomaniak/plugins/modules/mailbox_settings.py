#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Settings of a mailbox."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mailbox_settings
short_description: Manage settings of an Infomaniak mailbox
version_added: 0.1.0
description:
  - Changes the settings that are given and leaves all others alone.
  - Returns what then gets in the way of a program that reads the mailbox, such as a list server.
  - O(spam_filter), O(promotion_filter), O(external_mail_flag) and O(dkim) hold for all mailboxes of the Mail Service.
extends_documentation_fragment:
  - listkit.infomaniak.api
  - listkit.infomaniak.hosting
  - listkit.infomaniak.mailbox
options:
  auto_reply:
    description: V(false) switches the autoresponder off. It can only be switched on in the webmail, with its text.
    type: bool
  forwarding:
    description: The addresses that the mailbox forwards to, and no others; an empty list for none.
    type: list
    elements: str
  move_spam:
    description: Whether messages that look like spam are moved to another folder.
    type: bool
  mail_filtering:
    description: Whether advertising and social networks are moved to other folders.
    type: bool
  spam_filter:
    description: Whether the Mail Service looks for spam.
    type: bool
  promotion_filter:
    description: Whether the Mail Service sorts advertising.
    type: bool
  external_mail_flag:
    description: Whether messages from outside the organisation are marked.
    type: bool
  dkim:
    description: Whether outgoing messages are signed.
    type: bool
  suit_programs:
    description:
      - Change every setting that gets in the way of a program that reads the mailbox, but for those given here.
      - A blocked mailbox stays blocked; only a person can unblock it.
    type: bool
    default: false
seealso:
  - module: listkit.infomaniak.mailbox_settings_info
"""

EXAMPLES = r"""
- name: Let every message reach the list server
  listkit.infomaniak.mailbox_settings:
    mail_hosting: 123456
    mailbox: mailman
    suit_programs: true
  delegate_to: localhost

- name: Stop moving messages to other folders, and leave all else
  listkit.infomaniak.mailbox_settings:
    mail_hosting: 123456
    mailbox: mailman
    move_spam: false
    mail_filtering: false
  delegate_to: localhost
"""

RETURN = r"""
settings:
  description: All settings afterwards; V(none) for those that Infomaniak doesn't answer.
  type: dict
  returned: success
problems:
  description: What gets in the way of a program that reads the mailbox.
  type: list
  elements: dict
  returned: success
  contains:
    setting:
      description: Name of the setting.
      type: str
    value:
      description: Its value.
      type: raw
    problem:
      description: What happens because of it.
      type: str
    fix:
      description: How to change it by hand.
      type: str
requests:
  description: Number of requests that were sent.
  type: int
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.infomaniak.plugins.module_utils import api_module, mailbox
from ansible_collections.listkit.infomaniak.plugins.module_utils.api_module import Outcome
from ansible_collections.listkit.infomaniak.plugins.module_utils.names import address

OPTIONS = {
    "auto_reply": {"type": "bool"},
    "forwarding": {"type": "list", "elements": "str"},
    "move_spam": {"type": "bool"},
    "mail_filtering": {"type": "bool"},
    "spam_filter": {"type": "bool"},
    "promotion_filter": {"type": "bool"},
    "external_mail_flag": {"type": "bool"},
    "dkim": {"type": "bool"},
}


def converge(module, client):
    """Bring the settings to those given."""
    given = {name: module.params[name] for name in OPTIONS if module.params[name] is not None}
    if given.get("auto_reply"):
        raise ValueError("auto_reply: only false is possible here; switch an autoresponder on in the webmail")
    if "forwarding" in given:
        given["forwarding"] = sorted({address("forwarding", target) for target in given["forwarding"]})
    path, hosting = api_module.mailbox_path(module.params), api_module.hosting_path(module.params)
    have = mailbox.find(client, path, hosting)
    suitable = mailbox.suitable(have) if module.params["suit_programs"] else {}
    after = mailbox.wanted(have, suitable | given)
    if not module.check_mode:
        after = mailbox.converge(client, path, hosting, have, after)
    results = {"settings": after.as_result(), "problems": mailbox.problems(after)}
    return Outcome(have.as_result(), after.as_result(), results)


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            **api_module.ARGUMENTS,
            **api_module.MAILBOX_ARGUMENTS,
            **OPTIONS,
            "suit_programs": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    api_module.run(module, converge)


if __name__ == "__main__":
    main()
