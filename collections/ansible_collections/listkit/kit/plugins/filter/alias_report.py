# SPDX-License-Identifier: MIT
"""The aliases that the lists need at the mail service."""

from __future__ import annotations

DOCUMENTATION = r"""
name: alias_report
short_description: List the aliases that must exist at the mail service
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Returns, as text, the aliases that each mailbox of the site needs, and advice if they are too many.
extends_documentation_fragment:
  - listkit.kit.lists_and_mailboxes
options:
  limit:
    description: Aliases that one mailbox can have.
    type: int
    default: 50
  catch_all:
    description: Whether unknown addresses arrive in the mailbox without aliases.
    type: bool
    default: false
  file:
    description: Path of the file with the text of P(listkit.kit.alias_csv#filter), which the report names.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Show the aliases to create
  ansible.builtin.debug:
    msg: "{{ ['members@example.org'] | listkit.kit.alias_report('mailman@example.org', 'example.org') }}"
"""

RETURN = r"""
_value:
  description: The report.
  type: str
"""

from ansible_collections.listkit.kit.plugins.plugin_utils import alias_report as aliases


def alias_report(lists, account, domain, accounts=None, limit=50, synonyms=(), catch_all=False, created=(), file=""):
    """Return the aliases that each mailbox needs at the mail service."""
    boxes = aliases.mailboxes(account, accounts or {}, lists, domain, synonyms)
    return aliases.report(boxes, int(limit), catch_all=catch_all, created=created, file=file)


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filters of this file by name."""
        return {"alias_report": alias_report}
