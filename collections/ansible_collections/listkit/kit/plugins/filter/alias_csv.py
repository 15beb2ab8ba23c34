# SPDX-License-Identifier: MIT
"""The aliases that the lists need at the mail service, as CSV."""

from __future__ import annotations

DOCUMENTATION = r"""
name: alias_csv
short_description: Return the aliases that must exist at the mail service as CSV
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Returns the aliases that each mailbox of the site needs, one a row, those of new lists first.
  - The first four columns are those of Infomaniak's form for many addresses. It makes ordinary addresses that forward,
    each with a password, which this filter makes up.
extends_documentation_fragment:
  - listkit.kit.lists_and_mailboxes
options:
  before:
    description: The text that this filter returned before. Its passwords are kept.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Write the aliases to a file
  ansible.builtin.copy:
    content: "{{ ['members@example.org'] | listkit.kit.alias_csv('mailman@example.org', 'example.org') }}"
    dest: /home/ana/lists/aliases.csv
    mode: "0600"
  delegate_to: localhost
"""

RETURN = r"""
_value:
  description: The rows, with a header and semicolons.
  type: str
"""

from ansible_collections.listkit.kit.plugins.plugin_utils import alias_report as aliases


def alias_csv(lists, account, domain, accounts=None, synonyms=(), created=(), before=""):
    """Return the aliases that each mailbox needs at the mail service as CSV."""
    boxes = aliases.mailboxes(account, accounts or {}, lists, domain, synonyms)
    return aliases.plan_as_csv(boxes, created, before)


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filters of this file by name."""
        return {"alias_csv": alias_csv}
