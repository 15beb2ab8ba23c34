#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Infomaniak's own mailing lists."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mailing_lists_info
short_description: Read Infomaniak's own mailing lists of a Mail Service
version_added: 0.1.0
description:
  - Returns the settings, moderators and subscribers of the mailing lists that Infomaniak itself runs in a Mail Service.
  - These lists are closed to new customers. Use the module to move away from them.
extends_documentation_fragment:
  - listkit.infomaniak.api
  - listkit.infomaniak.hosting
attributes:
  diff_mode:
    support: none
    description: Changes nothing.
"""

EXAMPLES = r"""
- name: Read the mailing lists
  listkit.infomaniak.mailing_lists_info:
    mail_hosting: 123456
  delegate_to: localhost
  register: mail_service
"""

RETURN = r"""
lists:
  description: The lists, in the order of their names.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: The part before the C(@).
      type: str
    address:
      description: The full address.
      type: str
    info:
      description: What the list is about.
      type: str
    being_deleted:
      description: Whether Infomaniak is deleting the list.
      type: bool
    subscribers:
      description: Addresses of the subscribers.
      type: list
      elements: str
    moderators:
      description: Addresses of the moderators.
      type: list
      elements: str
    who_can_send:
      description:
        - V(0) subscribers and moderators; V(1) only moderators; V(2) everyone, moderated; V(3) subscribers and
          moderators, moderated; V(4) everyone, others than subscribers moderated; V(5) everyone.
      type: int
    who_can_subscribe:
      description: V(0) everyone; V(1) whom the moderators accept; V(2) whom they accept, after a confirmation.
      type: int
    use_reply_to:
      description: Whether replies go to the list.
      type: bool
    is_reply_to_forced:
      description: Whether an author's own C(Reply-To) is replaced.
      type: bool
    max_message_size:
      description: Size of the largest post in KB.
      type: int
    subject:
      description: What stands before the subject of posts.
      type: str
    language:
      description: Code of the list's language, or empty.
      type: str
    should_send_notifications:
      description: Whether subscribers get the welcome and goodbye messages.
      type: bool
    welcome_message:
      description: Text of the welcome message.
      type: str
    goodbye_message:
      description: Text of the goodbye message.
      type: str
requests:
  description: Number of requests that were sent.
  type: int
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.infomaniak.plugins.module_utils import api_module, own_lists


def find(module, client):
    """Return the lists."""
    return {"lists": own_lists.find(client, api_module.hosting_path(module.params))}


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={**api_module.ARGUMENTS, **api_module.HOSTING_ARGUMENTS},
        supports_check_mode=True,
    )
    api_module.read(module, find)


if __name__ == "__main__":
    main()
