# SPDX-License-Identifier: MIT
"""The aliases to make in each mailbox through the provider's API."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mailbox_plan
short_description: Return the site's mailboxes with the aliases to make
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Returns each mailbox of the site with the aliases that its lists need.
options:
  _input:
    description: The accounts, the site's own first, as P(listkit.kit.planned_accounts#filter) returns them.
    type: list
    elements: dict
    required: true
  lists:
    description: Full addresses of all lists that exist.
    type: list
    elements: str
    required: true
  domain:
    description: The site's domain.
    type: str
    required: true
  hosting:
    description: Number of the Mail Service of the accounts without a C(mail_hosting) of their own.
    type: int
    required: true
  synonyms:
    description: Domains that the mail service treats as the mailboxes' own.
    type: list
    elements: str
    default: []
  undeclared_lists:
    description: Whether lists that aren't declared get aliases too.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show the mailboxes with their aliases
  ansible.builtin.debug:
    msg: "{{ site_accounts | listkit.kit.mailbox_plan(['news@example.org'], 'example.org', hosting=123456) }}"
"""

RETURN = r"""
_value:
  description: >-
    The mailboxes, each with V(address), V(mailbox), V(mail_hosting), the V(aliases) to make, those V(needed) by all
    lists, and V(foreign) addresses that can't be aliases.
  type: list
  elements: dict
"""

from ansible_collections.listkit.kit.plugins.plugin_utils.mailbox_report import plan


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filters of this file by name."""
        return {"mailbox_plan": plan}
