# SPDX-License-Identifier: MIT
"""What the operator has to do at the mail service."""

from __future__ import annotations

DOCUMENTATION = r"""
name: alias_report
short_description: The aliases that must exist at the mail service
version_added: 0.1.0
description:
  - Returns, as text, the aliases that each mailbox of the site needs, ready to paste, and what to do if they don't fit.
options:
  _input:
    description: Full addresses of all lists.
    type: list
    elements: str
    required: true
  account:
    description: Address of the site's own mailbox.
    type: str
    required: true
  domain:
    description: The site's domain.
    type: str
    required: true
  accounts:
    description: Where there are several mailboxes, the names of the lists of each, by the mailbox's address.
    type: dict
    default: {}
  limit:
    description: Aliases that one mailbox can have.
    type: int
    default: 50
  synonyms:
    description: Domains that the mail service treats as the mailboxes' own.
    type: list
    elements: str
    default: []
  catch_all:
    description: Whether unknown addresses arrive in the mailbox without aliases.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Say which aliases must exist
  ansible.builtin.debug:
    msg: "{{ ['members@example.org'] | listkit.kit.alias_report('mailman@example.org', 'example.org') }}"
"""

RETURN = r"""
_value:
  description: The report.
  type: str
"""

from ansible_collections.listkit.kit.plugins.plugin_utils import alias_report as aliases


def alias_report(lists, account, domain, accounts=None, limit=50, synonyms=(), catch_all=False):
    """Return what the operator has to do at the mail service."""
    return aliases.report(aliases.mailboxes(account, accounts or {}, lists, domain, synonyms), int(limit), catch_all)


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filters of this file by name."""
        return {"alias_report": alias_report}
