# SPDX-License-Identifier: MIT
"""The addresses that can be reached from everywhere."""

from __future__ import annotations

DOCUMENTATION = r"""
name: public_addresses
short_description: Return the public IP addresses of a list
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Returns the texts that are IP addresses, without private ones and those for documentation.
options:
  _input:
    description: Addresses and host names.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show it
  ansible.builtin.debug:
    msg: "{{ [ansible_host] | listkit.kit.public_addresses }}"
"""

RETURN = r"""
_value:
  description: The public addresses.
  type: list
  elements: str
"""

from ansible_collections.listkit.kit.plugins.plugin_utils.dns_report import public_addresses


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filters of this file by name."""
        return {"public_addresses": public_addresses}
