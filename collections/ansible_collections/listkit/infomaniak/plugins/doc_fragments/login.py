# SPDX-License-Identifier: MIT
"""The options of modules that log in to a mailbox."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc; the argument spec is `OPTIONS` in module_utils/mail_login.py."""

    DOCUMENTATION = r"""
options:
  address:
    description: Address of the mailbox.
    type: str
    required: true
  password:
    description: A device password of the mailbox.
    type: str
    required: true
  host:
    description: Name of the mail service.
    type: str
    default: mail.infomaniak.com
  port:
    description: Port for submission; V(465) uses TLS from the start.
    type: int
    default: 587
  authority:
    description: Certificate of an additional authority, as PEM text.
    type: str
"""
