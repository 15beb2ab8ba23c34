#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Read the secrets that another host needs, or keep those that it made."""

from __future__ import annotations

DOCUMENTATION = r"""
module: shared_secrets
short_description: Carry secrets from the host that made them to another one
version_added: 0.1.0
description:
  - On the host that makes a secret, O(read) returns its value, and makes it if it is missing. On the other host,
    O(keep) puts it where P(listkit.host.host_secret#filter) finds it.
  - Its result is secret. A task with it needs C(no_log).
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: A secret that isn't there yet is returned as a placeholder.
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
    description: Values of the secrets to keep, by name.
    type: dict
    default: {}
  directory:
    description: Where secrets are.
    type: path
    default: /etc/listkit/secrets
"""

EXAMPLES = r"""
- name: Read what the main host made
  listkit.host.shared_secrets:
    read: [rest_password]
  delegate_to: mailman
  register: site_secrets
  no_log: true

- name: Keep it here
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
    """Read or make, and keep; return the module's result."""
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
