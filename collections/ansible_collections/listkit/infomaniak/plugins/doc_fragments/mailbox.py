# SPDX-License-Identifier: MIT
"""The option that names a mailbox, beside the one of the fragment hosting."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc; the argument spec is in module_utils/api_module.py."""

    DOCUMENTATION = r"""
options:
  mailbox:
    description: The mailbox, the part before the C(@).
    type: str
    required: true
"""
