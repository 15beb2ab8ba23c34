#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Read the secrets that another host needs, or store those that it created."""

from __future__ import annotations

DOCUMENTATION = r"""
module: shared_secrets
short_description: Copy secrets from the host that created them to another one
version_added: 0.1.0
description:
  - On the host that creates a secret, O(read) returns its value, and creates it if it is missing. On the other host,
    O(keep) stores it where P(listkit.host.host_secret#filter) finds it.
  - The result is secret. A task with this module needs C(no_log).
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: Returns a placeholder for a secret that is missing.
  diff_mode:
    support: none
    description: Secrets are never shown.
options:
  read:
    description: Names of the secrets to return.
    type: list
    elements: str
    default: []
  keep:
    description: Values of the secrets to store, by name.
    type: dict
    default: {}
  directory:
    description: Directory of the secrets.
    type: path
    default: /etc/listkit/secrets
"""

EXAMPLES = r"""
- name: Read the main host's secrets
  listkit.host.shared_secrets:
    read: [rest_password]
  delegate_to: mailman
  register: site_secrets
  no_log: true

- name: Store them here
  listkit.host.shared_secrets:
    keep: "{{ site_secrets.secrets }}"
  no_log: true
"""

RETURN = r"""
secrets:
  description: The values of O(read), by name.
  type: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.host.plugins.module_utils import host_secrets


def converge(module):
    """Read, create and store secrets; return the module's result."""
    directory, wanted = module.params["directory"], module.params["keep"]
    stale = {name: value for name, value in wanted.items() if host_secrets.read(name, directory) != value}
    missing = [name for name in module.params["read"] if not host_secrets.read(name, directory)]
    if module.check_mode:
        found = {name: host_secrets.read(name, directory) or host_secrets.PLACEHOLDER for name in module.params["read"]}
    else:
        found = {name: host_secrets.make(name, directory) for name in module.params["read"]}
        for name, value in stale.items():
            host_secrets.keep(name, value, directory)
    return {"changed": bool(stale or missing), "secrets": found}


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            "read": {"type": "list", "elements": "str", "default": []},
            "keep": {"type": "dict", "default": {}, "no_log": True},
            "directory": {"type": "path", "default": host_secrets.DIRECTORY},
        },
        supports_check_mode=True,
    )
    module.exit_json(**converge(module))


if __name__ == "__main__":
    main()
