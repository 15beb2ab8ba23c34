# SPDX-License-Identifier: MIT
"""The option that names a DNS zone."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc; the argument spec is in module_utils/api_module.py."""

    DOCUMENTATION = r"""
options:
  zone:
    description: The domain that the zone is named after, such as V(example.org).
    type: str
    required: true
"""
