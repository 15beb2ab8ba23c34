# SPDX-License-Identifier: MIT
"""Read a variable that several roles define for themselves."""

from __future__ import annotations

DOCUMENTATION = r"""
name: role_variable
short_description: Collect a variable that several roles define for themselves
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Reads C(<role>_<name>) from C(vars/main.yml) of each role, and returns the lists joined.
  - The values are read as they stand; they cannot be templates.
options:
  _terms:
    description: The names of the variable, without a role's prefix, for example V(packages).
    type: list
    elements: str
    required: true
  roles:
    description: The roles to ask; all of them if omitted. One that does not define the variable adds nothing.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Install the packages of two roles at once
  ansible.builtin.apt:
    name: "{{ lookup('listkit.kit.role_variable', 'packages', roles=['relay', 'database']) }}"
"""

RETURN = r"""
_list:
  description: The joined values, each once.
  type: list
  elements: str
"""

from ansible.plugins.lookup import LookupBase
from ansible_collections.listkit.kit.plugins.plugin_utils import roles


class LookupModule(LookupBase):
    """Ansible's entry point."""

    def run(self, terms, variables=None, **kwargs):
        """Return the joined values."""
        self.set_options(var_options=variables, direct=kwargs)
        asked = self.get_option("roles")
        asked = roles.names() if asked is None else asked
        return [list(dict.fromkeys(value for name in terms for role in asked for value in self._value(role, name)))]

    def _value(self, role, name):
        file = roles.directory(role) / "vars" / "main.yml"
        return (self._loader.load_from_file(str(file)) or {}).get(f"{role}_{name}", []) if file.exists() else []
