# SPDX-License-Identifier: MIT
"""The DNS records that the run changes."""

from __future__ import annotations

DOCUMENTATION = r"""
name: zone_changes
short_description: Return the records to add or change in a zone
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Returns the records that are in the zone, as options of M(listkit.infomaniak.dns_record).
options:
  _input:
    description: The records, as M(listkit.infomaniak.mail_dns_info) returns them.
    type: list
    elements: dict
    required: true
  zone:
    description: The zone.
    type: str
    required: true
  moves:
    description: Whether to return those that lead a name to another host.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show them
  ansible.builtin.debug:
    msg: "{{ dns_result.records | listkit.kit.zone_changes('example.org') }}"
"""

RETURN = r"""
_value:
  description: The records.
  type: list
  elements: dict
"""

from ansible_collections.listkit.kit.plugins.plugin_utils.dns_report import zone_changes


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filters of this file by name."""
        return {"zone_changes": zone_changes}
