#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Which device passwords a mailbox has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: device_password_info
short_description: Read which device passwords an Infomaniak mailbox has
version_added: 0.1.0
description:
  - Returns the labels of a mailbox's device passwords and whether Infomaniak knows them to be leaked; never a password.
extends_documentation_fragment:
  - listkit.infomaniak.api
  - listkit.infomaniak.hosting
  - listkit.infomaniak.mailbox
attributes:
  diff_mode:
    support: none
    description: Changes nothing.
seealso:
  - module: listkit.infomaniak.device_password
"""

EXAMPLES = r"""
- name: Read who may log in
  listkit.infomaniak.device_password_info:
    mail_hosting: 123456
    mailbox: mailman
  delegate_to: localhost
  register: mailbox
"""

RETURN = r"""
device_passwords:
  description: The device passwords.
  type: list
  elements: dict
  returned: success
  contains:
    id:
      description: Infomaniak's number of it.
      type: int
    label:
      description: What it is listed as.
      type: str
    type:
      description: Kind of device; V(legacy) is the mailbox's old password.
      type: str
    protocols:
      description: What it is for, beside SMTP.
      type: str
    status:
      description: V(healthy), V(leaked) or V(spam).
      type: str
    last_connection:
      description: When it was last used, in seconds since 1970.
      type: int
requests:
  description: Number of requests that were sent.
  type: int
  returned: success
status:
  description: HTTP status of Infomaniak's refusal; V(501) if the account may not do this, V(0) without an answer.
  type: int
  returned: failure
"""

from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.infomaniak.plugins.module_utils import api_module, devices


def find(module, client):
    """Return the device passwords, without the passwords."""
    accesses = devices.find(client, api_module.mailbox_path(module.params))
    return {"device_passwords": [asdict(access) for access in accesses]}


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={**api_module.ARGUMENTS, **api_module.MAILBOX_ARGUMENTS},
        supports_check_mode=True,
    )
    api_module.read(module, find)


if __name__ == "__main__":
    main()
