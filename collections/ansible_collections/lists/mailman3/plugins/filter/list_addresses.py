# SPDX-License-Identifier: MIT
"""The addresses of a list."""

from __future__ import annotations

DOCUMENTATION = r"""
name: list_addresses
short_description: All addresses of a mailing list
version_added: 0.1.0
description:
  - Returns the address that is posted to and those of the list's sub-addresses, such as C(-owner) and C(-request).
options:
  _input:
    description: The list's name, or its full address.
    type: str
    required: true
  domain:
    description: Completes a name without C(@).
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Show where mail for the list may go to
  ansible.builtin.debug:
    msg: "{{ 'members' | lists.mailman3.list_addresses('example.org') }}"
"""

RETURN = r"""
_value:
  description: Nine addresses.
  type: list
  elements: str
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.lists.mailman3.plugins.module_utils import addresses


def list_addresses(name, domain=""):
    """Return all addresses of the list `name`."""
    address = addresses.list_address(str(name), str(domain))
    if not addresses.is_address(address):
        raise AnsibleFilterError(f"{address!r} is not a list's address (for example members@example.org)")
    return addresses.list_addresses(address)


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filters of this file by name."""
        return {"list_addresses": list_addresses}
