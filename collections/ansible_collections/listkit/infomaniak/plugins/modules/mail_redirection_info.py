#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Which redirection addresses a Mail Service has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_redirection_info
short_description: Read the redirection addresses of an Infomaniak Mail Service
version_added: 0.1.0
description:
  - Returns the redirection addresses of a Mail Service, their targets, and the targets that haven't agreed.
extends_documentation_fragment:
  - listkit.infomaniak.api
  - listkit.infomaniak.hosting
attributes:
  diff_mode:
    support: none
    description: Changes nothing.
seealso:
  - module: listkit.infomaniak.mail_redirection
"""

EXAMPLES = r"""
- name: Read the redirection addresses
  listkit.infomaniak.mail_redirection_info:
    mail_hosting: 123456
  delegate_to: localhost
  register: mail_service
"""

RETURN = r"""
redirections:
  description: The redirection addresses.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: The part before the C(@).
      type: str
    targets:
      description: Addresses that mail is forwarded to.
      type: list
      elements: str
    pending:
      description: Targets that haven't agreed yet, and receive nothing until they do.
      type: list
      elements: str
    enabled:
      description: Whether the redirection forwards at all.
      type: bool
requests:
  description: Number of requests that were sent.
  type: int
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.infomaniak.plugins.module_utils import api_module, redirections


def find(module, client):
    """Return the redirection addresses."""
    found = redirections.find(client, api_module.hosting_path(module.params))
    return {"redirections": [redirection.as_result() for _name, redirection in sorted(found.items())]}


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={**api_module.ARGUMENTS, **api_module.HOSTING_ARGUMENTS},
        supports_check_mode=True,
    )
    api_module.read(module, find)


if __name__ == "__main__":
    main()
