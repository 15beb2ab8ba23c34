#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Documentation of the action `listkit.kit.run_summary`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: run_summary
short_description: End a run with a summary
version_added: 0.1.0
description:
  - Shows the warnings of the run, the state of the DNS, the aliases to create, the forecast for outgoing mail, and the
    result of the checks. Empty parts are left out.
  - Fails if a check failed, or if there are O(failures). Needs no connection to the host.
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: none
    description: Changes nothing.
options:
  warnings:
    description: Further warnings, one line each.
    type: list
    elements: str
    default: []
  failures:
    description: What the run could not do, one line each.
    type: list
    elements: str
    default: []
  lists:
    description: The result of M(listkit.mailman3.mailing_lists). Removed and undeclared lists become warnings.
    type: dict
    default: {}
  dns:
    description: The text of P(listkit.kit.dns_report#filter).
    type: str
    default: ""
  aliases:
    description: The text of P(listkit.kit.alias_report#filter) or P(listkit.kit.mailbox_report#filter).
    type: str
    default: ""
  plan_assumed:
    description: Whether the operator has named neither the mail plan nor the limit, so that the summary asks for it.
    type: bool
    default: false
  forecast:
    description: The output of C(listkit budget forecast).
    type: str
    default: ""
  checks:
    description: The outcome of C(listkit check) on each host.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description: The host's name in the inventory.
        type: str
        required: true
      passed:
        description: Whether all checks passed.
        type: bool
        required: true
      report:
        description: The output of C(listkit check). Shown if a check failed.
        type: str
        default: ""
"""

EXAMPLES = r"""
- name: Summarise the run
  listkit.kit.run_summary:
    lists: "{{ lists_result }}"
    aliases: "{{ lists_result.lists | listkit.kit.alias_report(mail_account, mailman_domain) }}"
    checks:
      - {host: mailman, passed: true}
"""

RETURN = r"""
msg:
  description: The summary.
  type: str
  returned: always
  sample: |-
    Warnings
      - old@example.org exists but is not declared in mailman_lists; it was left unchanged

    Aliases
      mailman@example.org needs 10 aliases at the mail service (limit: 50).
      postorius, members, members-bounces, …

    Result: all checks passed.
"""
