# SPDX-License-Identifier: MIT
"""The relay's accounts as `listkit budget` reads them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: budget_accounts
short_description: Return the relay's accounts without their passwords, with the demand of each list
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Returns the accounts in the form that C(listkit budget) reads from its configuration file.
options:
  _input:
    description: The accounts, as in C(relay_accounts).
    type: list
    elements: dict
    required: true
  demand:
    description: Recipients per day by list address, see P(listkit.kit.list_demand#filter).
    type: dict
    required: true
  reserve:
    description: Recipients of each window that posts never use.
    type: int
    required: true
  strangers:
    description: Percent of each account's limit that answers to strangers may use.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Show what the budget is made from
  ansible.builtin.debug:
    msg: "{{ relay_accounts | listkit.kit.budget_accounts(relay_list_demand, reserve=100, strangers=4) }}"
"""

RETURN = r"""
_value:
  description: The accounts, each with V(address), V(limit), V(reserve), V(strangers) in recipients, and V(lists); a
    list has V(address) and V(recipients_per_day).
  type: list
  elements: dict
  sample:
    - address: mailman@example.org
      limit: 1440
      reserve: 100
      strangers: 57
      lists: [{address: members@example.org, recipients_per_day: 500}]
"""

from ansible_collections.listkit.kit.plugins.plugin_utils.accounts import Rules


def budget_accounts(accounts, demand, reserve, strangers):
    """Return the accounts without their passwords, with the demand of each list."""
    return [
        {
            "address": account["address"],
            "limit": account.get("limit", Rules.limit),
            "reserve": reserve,
            "strangers": account.get("limit", Rules.limit) * strangers // 100,
            "lists": [
                {"address": address, "recipients_per_day": demand.get(address, 0)}
                for address in account.get("lists", [])
            ],
        }
        for account in accounts
    ]


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filters of this file by name."""
        return {"budget_accounts": budget_accounts}
