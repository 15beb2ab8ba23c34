# SPDX-License-Identifier: MIT
"""The settings that `listkit check` expects of each declared list."""

from __future__ import annotations

DOCUMENTATION = r"""
name: list_expectations
short_description: Return the default settings that each declared list must have
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Returns, by full address, the defaults that the list's own declaration doesn't override.
options:
  _input:
    description: The declared lists, as in C(mailman_lists). Those with V(state=absent) are left out.
    type: list
    elements: dict
    required: true
  domain:
    description: The site's domain, which completes names without C(@).
    type: str
    required: true
  defaults:
    description: Settings of every list, as Mailman's REST interface returns them.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what every list must have
  ansible.builtin.debug:
    msg: "{{ mailman_lists | listkit.kit.list_expectations('example.org', {'first_strip_reply_to': true}) }}"
"""

RETURN = r"""
_value:
  description: Settings by list address.
  type: dict
  sample: {members@example.org: {first_strip_reply_to: true}}
"""

from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import list_address


def list_expectations(lists, domain, defaults):
    """Return the settings that each declared list must have, by its address."""
    return {
        list_address(item["name"], domain): {
            name: value for name, value in defaults.items() if name not in (item.get("settings") or {})
        }
        for item in lists
        if item.get("state", "present") == "present"
    }


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filters of this file by name."""
        return {"list_expectations": list_expectations}
