#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Check the password of a mailbox."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_login_info
short_description: Log in to a mailbox once by SMTP and once by IMAP
version_added: 0.1.0
description:
  - Tells a wrong password from a blocked port, an unknown name and a certificate that isn't trusted.
  - A password that is refused is not tried again, because the service bans addresses that insist.
  - Sends nothing. Runs where the program will run that uses the mailbox, because a ban is about its address.
extends_documentation_fragment: [listkit.infomaniak.login]
options:
  imap_host:
    description: Name of the IMAP server, if it isn't O(host).
    type: str
  imap_port:
    description: Port of the IMAP server, which uses TLS from the start.
    type: int
    default: 993
  timeout:
    description: Seconds to wait for one answer.
    type: int
    default: 10
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: none
    description: Changes nothing.
"""

EXAMPLES = r"""
- name: Try the password
  listkit.infomaniak.mail_login_info:
    address: mailman@example.org
    password: "{{ mail_password }}"
  register: login
  failed_when: login.problems | length > 0
"""

RETURN = r"""
problems:
  description: What fails, with the cause and the fix.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.infomaniak.plugins.module_utils.mail_login import IMAP_PORT, OPTIONS, Account, problems


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            **OPTIONS,
            "imap_host": {"type": "str"},
            "imap_port": {"type": "int", "default": IMAP_PORT},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    params = module.params
    account = Account(
        params["address"],
        params["password"],
        params["host"],
        smtp_port=params["port"],
        imap_host=params["imap_host"],
        imap_port=params["imap_port"],
        authority=params["authority"],
        timeout=params["timeout"],
    )
    module.exit_json(changed=False, problems=problems(account))


if __name__ == "__main__":
    main()
