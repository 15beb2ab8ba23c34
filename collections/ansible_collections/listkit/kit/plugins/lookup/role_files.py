# SPDX-License-Identifier: MIT
"""List the files that roles install from their templates."""

from __future__ import annotations

DOCUMENTATION = r"""
name: role_files
short_description: List the files that roles install from their templates
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Returns the path on the host of each template. A role's C(templates/) mirrors the host's paths.
  - A file that a role installs at another path than its template's isn't known here.
options:
  _terms:
    description: The names of the roles; all of them if omitted.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Remove what a role installed
  listkit.host.config_files:
    exclude: ["*"]
    absent: "{{ lookup('listkit.kit.role_files', 'tunnel') }}"
"""

RETURN = r"""
_list:
  description: The paths, sorted.
  type: list
  elements: str
"""

from ansible.plugins.lookup import LookupBase
from ansible_collections.listkit.kit.plugins.plugin_utils import roles


class LookupModule(LookupBase):
    """Ansible's entry point."""

    def run(self, terms, variables=None, **kwargs):
        """Return the paths."""
        return [sorted(path for role in terms or roles.names() for path in _paths(role))]


def _paths(role):
    templates = roles.directory(role) / "templates"
    for file in templates.rglob("*"):
        if file.is_file():
            yield f"/{file.relative_to(templates)}".removesuffix(".j2")
