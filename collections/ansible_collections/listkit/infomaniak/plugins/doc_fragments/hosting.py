# SPDX-License-Identifier: MIT
"""The option that names a Mail Service."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc; the argument spec is in module_utils/api_module.py."""

    DOCUMENTATION = r"""
options:
  mail_hosting:
    description: Number of the Mail Service; it stands in its address in the Manager.
    type: int
    required: true
"""
