#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Which aliases a mailbox has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_alias_info
short_description: Read the aliases of an Infomaniak mailbox
version_added: 0.1.0
description:
  - Returns the aliases of a mailbox.
extends_documentation_fragment:
  - listkit.infomaniak.api
  - listkit.infomaniak.hosting
  - listkit.infomaniak.mailbox
attributes:
  diff_mode:
    support: none
    description: Changes nothing.
seealso:
  - module: listkit.infomaniak.mail_alias
"""

EXAMPLES = r"""
- name: Read the aliases
  listkit.infomaniak.mail_alias_info:
    mail_hosting: 123456
    mailbox: mailman
  delegate_to: localhost
  register: mailbox
"""

RETURN = r"""
aliases:
  description: Aliases of the mailbox, the part before the C(@).
  type: list
  elements: str
  returned: success
requests:
  description: Number of requests that were sent.
  type: int
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.infomaniak.plugins.module_utils import aliases, api_module


def find(module, client):
    """Return the aliases."""
    return {"aliases": sorted(aliases.find(client, api_module.mailbox_path(module.params)))}


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={**api_module.ARGUMENTS, **api_module.MAILBOX_ARGUMENTS},
        supports_check_mode=True,
    )
    api_module.read(module, find)


if __name__ == "__main__":
    main()
