# SPDX-License-Identifier: MIT
"""Summarise the changes to the mailboxes at the provider."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mailbox_report
short_description: Summarise what the provider's API did with the mailboxes
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Returns, as text, the aliases of each mailbox, the settings that get in the way of lists, and what failed.
options:
  _input:
    description: >-
      The registered result of M(listkit.infomaniak.mail_alias) in a loop over P(listkit.kit.mailbox_plan#filter).
    type: dict
    required: true
  settings:
    description: The registered result of M(listkit.infomaniak.mailbox_settings) in such a loop.
    type: dict
    default: {}
  round_trip:
    description: The registered result of C(listkit check --json --round-trip) with the new addresses.
    type: dict
    default: {}
  check_mode:
    description: Whether nothing was changed.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show what was done
  ansible.builtin.debug:
    msg: "{{ (mailbox_aliases | listkit.kit.mailbox_report(mailbox_settings)).aliases }}"
"""

RETURN = r"""
_value:
  description: The text V(aliases), the lines V(warnings) and V(failures), and the V(new) addresses.
  type: dict
"""

from ansible_collections.listkit.kit.plugins.plugin_utils.mailbox_report import report


def mailbox_report(aliases, settings=None, round_trip=None, check_mode=False):
    """Return what to say about the mailboxes."""
    return report(aliases, settings or {}, round_trip or {}, check_mode=check_mode)._asdict()


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filters of this file by name."""
        return {"mailbox_report": mailbox_report}
