# SPDX-License-Identifier: MIT
"""How much mail each list may send in a day."""

from __future__ import annotations

DOCUMENTATION = r"""
name: daily_limits
short_description: Return how many recipients a day the account of each list may send to
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - For the plans of lists whose new members get a welcome message.
options:
  _input:
    description: The accounts of the plan, as C(planned_accounts) returns them.
    type: list
    elements: dict
    required: true
  window:
    description: The seconds for which an account's limit counts.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Show the limits
  ansible.builtin.debug:
    msg: "{{ site_accounts | listkit.kit.daily_limits(86400) }}"
"""

RETURN = r"""
_value:
  description: The recipients a day by the list's address.
  type: dict
  sample: {members@example.org: 1440}
"""

from ansible_collections.listkit.kit.plugins.plugin_utils.accounts import DAY_SECONDS, Rules


def daily_limits(accounts, window):
    """Return the recipients a day by list."""
    return {
        address: int(account.get("limit", Rules.limit)) * DAY_SECONDS // int(window)
        for account in accounts
        for address in account.get("lists", [])
    }


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filters of this file by name."""
        return {"daily_limits": daily_limits}
