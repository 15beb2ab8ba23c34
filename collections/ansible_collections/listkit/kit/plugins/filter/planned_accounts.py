# SPDX-License-Identifier: MIT
"""The site's mail accounts, each with its limit and its lists."""

from __future__ import annotations

DOCUMENTATION = r"""
name: planned_accounts
short_description: Return the site's mail accounts with their limits and lists
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Returns the accounts, the site's own first, each with its limit and the full addresses of its lists.
  - Lists that the operator didn't assign to an account get one with enough aliases and recipients. If none has enough,
    it fails with the number of accounts that would be enough.
options:
  _input:
    description: The accounts, each with V(address), V(password), and possibly V(limit) and V(lists).
    type: list
    elements: dict
    required: true
  lists:
    description: The declared lists, as in C(mailman_lists).
    type: list
    elements: dict
    required: true
  main:
    description: Address of the site's own account.
    type: str
    required: true
  domain:
    description: The site's domain.
    type: str
    required: true
  limit:
    description: Recipients in one window of an account without a limit of its own.
    type: int
    default: 1440
  window:
    description: Length of the window in seconds.
    type: int
    default: 86400
  alias_limit:
    description: Aliases that one mailbox can have.
    type: int
    default: 50
  synonyms:
    description: Domains that the mail service treats as O(domain).
    type: list
    elements: str
    default: []
  reserve:
    description: Recipients of each window that posts never use.
    type: int
    default: 100
"""

EXAMPLES = r"""
- name: Show the accounts of the lists
  ansible.builtin.debug:
    msg: "{{ mail_accounts | listkit.kit.planned_accounts(mailman_lists, mail_account, mailman_domain) }}"
"""

RETURN = r"""
_value:
  description: The accounts, each with V(address), V(password), V(limit) and V(lists).
  type: list
  elements: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.listkit.kit.plugins.plugin_utils.accounts import PlanError, plan_of_site


def planned_accounts(accounts, lists, main, domain, **settings):
    """Return the accounts with their limits and lists; raise `AnsibleFilterError` if no plan fits."""
    try:
        planned = plan_of_site(accounts, lists, main, domain, **settings)
    except PlanError as error:
        raise AnsibleFilterError(f"mail_accounts: {error}") from error
    return [{**account, "limit": plan.limit, "lists": sorted(plan.lists)} for account, plan in planned]


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filters by name."""
        return {"planned_accounts": planned_accounts}
