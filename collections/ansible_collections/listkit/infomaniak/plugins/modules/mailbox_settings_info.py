#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Which settings a mailbox has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mailbox_settings_info
short_description: Read settings of an Infomaniak mailbox
version_added: 0.1.0
description:
  - Returns settings of a mailbox, and what gets in the way of a program that reads it, such as a list server.
extends_documentation_fragment:
  - listkit.infomaniak.api
  - listkit.infomaniak.hosting
  - listkit.infomaniak.mailbox
attributes:
  diff_mode:
    support: none
    description: Changes nothing.
seealso:
  - module: listkit.infomaniak.mailbox_settings
"""

EXAMPLES = r"""
- name: Look for settings that keep messages from the list server
  listkit.infomaniak.mailbox_settings_info:
    mail_hosting: 123456
    mailbox: mailman
  delegate_to: localhost
  register: mailbox
"""

RETURN = r"""
settings:
  description: The settings, with the names of the options of M(listkit.infomaniak.mailbox_settings).
  type: dict
  returned: success
  contains:
    sending_blocked:
      description: Whether Infomaniak has blocked the mailbox from sending.
      type: bool
    unblock_url:
      description: Where it is unblocked, if Infomaniak says so.
      type: str
    free_plan:
      description: Whether the mailbox is on a free plan, which allows fewer recipients and aliases.
      type: bool
problems:
  description: What gets in the way of a program that reads the mailbox.
  type: list
  elements: dict
  returned: success
  contains:
    setting:
      description: Name of the setting.
      type: str
    value:
      description: Its value.
      type: raw
    problem:
      description: What happens because of it.
      type: str
    fix:
      description: How to change it by hand.
      type: str
requests:
  description: Number of requests that were sent.
  type: int
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.infomaniak.plugins.module_utils import api_module, mailbox


def find(module, client):
    """Return the settings and the problems."""
    params = module.params
    settings = mailbox.find(client, api_module.mailbox_path(params), api_module.hosting_path(params))
    return {"settings": settings.as_result(), "problems": mailbox.problems(settings)}


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={**api_module.ARGUMENTS, **api_module.MAILBOX_ARGUMENTS},
        supports_check_mode=True,
    )
    api_module.read(module, find)


if __name__ == "__main__":
    main()
