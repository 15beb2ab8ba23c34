# SPDX-License-Identifier: MIT
"""Options of the modules that write templates."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc; the argument specs are in module_utils/templates.py."""

    DOCUMENTATION = r"""
options:
  templates_directory:
    description:
      - Directory on the managed host for the texts of templates. It must be Mailman's host.
      - Mailman only stores where a text is, and posts fail if it is missing there. So keep the files.
    type: path
    default: /etc/mailman3/templates
"""
