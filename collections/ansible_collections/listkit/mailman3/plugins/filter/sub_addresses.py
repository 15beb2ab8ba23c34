# SPDX-License-Identifier: MIT
"""List the sub-addresses of mailing lists."""

from __future__ import annotations

DOCUMENTATION = r"""
name: sub_addresses
short_description: The sub-addresses that every list has
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Returns what Mailman puts behind a list's name and a dash, such as V(owner) and V(bounces).
options:
  _input:
    description: Sub-addresses that the lists go without; an empty list for all of them.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show them
  ansible.builtin.debug:
    msg: "{{ [] | listkit.mailman3.sub_addresses }}"
"""

RETURN = r"""
_value:
  description: The sub-addresses, without the dash.
  type: list
  elements: str
"""

from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import SUB_ADDRESSES


def sub_addresses(without):
    """Return the sub-addresses of a list, but for those in `without`."""
    return [name for name in SUB_ADDRESSES if name not in without]


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filters of this file by name."""
        return {"sub_addresses": sub_addresses}
