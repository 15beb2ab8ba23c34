# SPDX-License-Identifier: MIT
"""The options that say which lists and mailboxes a site has, for the filters of their aliases."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
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
    description: The names of each mailbox's lists by the mailbox's address, if there are several mailboxes.
    type: dict
    default: {}
  synonyms:
    description: Domains that the mail service treats as the mailboxes' own.
    type: list
    elements: str
    default: []
  created:
    description: Full addresses of the lists that were created in this run. Their aliases come first.
    type: list
    elements: str
    default: []
"""
