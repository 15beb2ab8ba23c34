#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""A device password of a mailbox."""

from __future__ import annotations

DOCUMENTATION = r"""
module: device_password
short_description: Manage a device password of an Infomaniak mailbox
version_added: 0.1.0
description:
  - Makes a password for a program that logs in to a mailbox by IMAP and SMTP, or removes it.
  - The password goes into a file that only its owner reads. It is not part of what the module returns.
  - Infomaniak shows a password once. When O(dest) is gone, it can only be regenerated.
  - Not every account may do this yet; Infomaniak then answers 501.
extends_documentation_fragment:
  - listkit.infomaniak.api
  - listkit.infomaniak.hosting
  - listkit.infomaniak.mailbox
options:
  label:
    description: What the password is listed as, and known by.
    type: str
    required: true
  dest:
    description: File that the password is written to, with the mode 0600. Required with O(state=present).
    type: path
  protocols:
    description: What a new password is for. SMTP is always included.
    type: str
    choices: [imap, pop3, pop3-imap]
    default: imap
  type:
    description: Kind of device that a new password is listed with.
    type: str
    choices: [computer, other, phone, tablet]
    default: other
  regenerate:
    description:
      - Replace the password if there is one. The old one stops working at once.
      - To change a password without a gap, make another with a new label and remove the old one later.
    type: bool
    default: false
  state:
    description: V(absent) removes the passwords with this label. O(dest) stays.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: listkit.infomaniak.device_password_info
"""

EXAMPLES = r"""
- name: Have a password for the list server
  listkit.infomaniak.device_password:
    mail_hosting: 123456
    mailbox: mailman
    label: list server
    dest: ~/secrets/mail_password
  delegate_to: localhost
"""

RETURN = r"""
dest:
  description: The file with the password.
  type: str
  returned: success, with O(state=present)
requests:
  description: Number of requests that were sent.
  type: int
  returned: success
status:
  description: HTTP status of Infomaniak's refusal; V(501) if the account may not do this, V(0) without an answer.
  type: int
  returned: failure
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.infomaniak.plugins.module_utils import api_module, devices
from ansible_collections.listkit.infomaniak.plugins.module_utils.api_module import Outcome


def converge(module, client):
    """Bring the device password to its state."""
    label, mailbox = module.params["label"], api_module.mailbox_path(module.params)
    if not 0 < len(label) <= devices.LONGEST_LABEL:
        raise ValueError(f"label: write 1 to {devices.LONGEST_LABEL} characters")
    accesses = [access for access in devices.find(client, mailbox) if access.label == label]
    if module.params["state"] == "absent":
        return _absent(module, client, mailbox, accesses)
    return _present(module, client, mailbox, accesses)


def _absent(module, client, mailbox, accesses):
    if accesses and not module.check_mode:
        devices.remove(client, mailbox, accesses)
    return Outcome([access.label for access in accesses], [])


def _present(module, client, mailbox, accesses):
    params = module.params
    label, dest = params["label"], params["dest"]
    results = {"dest": dest}
    if accesses and not params["regenerate"]:
        if not Path(dest).exists():
            raise ValueError(
                f"dest: {dest} doesn't exist, and Infomaniak doesn't show the password {label!r} again. Set regenerate "
                "to replace it, or choose another label."
            )
        return Outcome([label], [label], results)
    if not module.check_mode:
        with devices.secret_file(dest) as file:
            file.write_text(f"{_new_password(params, client, mailbox, accesses)}\n", encoding="utf-8")
    return Outcome([label] if accesses else [], [f"{label} (regenerated)" if accesses else label], results)


def _new_password(params, client, mailbox, accesses):
    if accesses:
        return devices.regenerate(client, mailbox, accesses[0])
    return devices.make(client, mailbox, params["label"], params["type"], params["protocols"])


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            **api_module.ARGUMENTS,
            **api_module.MAILBOX_ARGUMENTS,
            "label": {"type": "str", "required": True},
            "dest": {"type": "path"},
            "protocols": {"type": "str", "choices": ["imap", "pop3", "pop3-imap"], "default": "imap"},
            "type": {"type": "str", "choices": ["computer", "other", "phone", "tablet"], "default": "other"},
            "regenerate": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ["dest"])],
        supports_check_mode=True,
    )
    api_module.run(module, converge)


if __name__ == "__main__":
    main()
