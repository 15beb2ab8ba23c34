# SPDX-License-Identifier: MIT
"""The marker of a secret that is created on the host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_secret
short_description: Return the marker of a secret that is created on the host
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Returns a marker. M(listkit.host.config_files) replaces it on the host with the content of
    C(/etc/listkit/secrets/<name>), and creates that file with a random value if it is missing. The value never leaves
    the host.
  - Works only in templates that M(listkit.host.config_files) installs.
options:
  _input:
    description: The secret's name; lower-case letters, digits and underscores.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: In a template
  ansible.builtin.debug:
    msg: "admin_pass = {{ 'rest_password' | listkit.host.host_secret }}"
"""

RETURN = r"""
_value:
  description: The marker.
  type: str
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.listkit.host.plugins.module_utils import host_secrets


def host_secret(name):
    """Return the marker of the secret called `name`."""
    try:
        return host_secrets.marker(str(name))
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filters of this file by name."""
        return {"host_secret": host_secret}
