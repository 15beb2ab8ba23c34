# SPDX-License-Identifier: MIT
"""Summarise the checks and changes of the DNS."""

from __future__ import annotations

DOCUMENTATION = r"""
name: dns_report
short_description: Summarise the state of the DNS
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Returns, as text, the problems of the DNS with the records to add, and what failed.
options:
  _input:
    description: The registered result of M(listkit.infomaniak.mail_dns_info).
    type: dict
    required: true
  found:
    description: The registered result of M(listkit.infomaniak.dns_record_info), possibly skipped.
    type: dict
    required: true
  changes:
    description: The registered result of M(listkit.infomaniak.dns_record), possibly skipped.
    type: dict
    required: true
  zone:
    description: The zone that was changed.
    type: str
    required: true
  moves:
    description: Whether names that lead to another host were changed.
    type: bool
    default: false
  signed:
    description: How a message in a list's name is signed, the C(dkim) of the facts of M(listkit.infomaniak.mail_probe).
    type: dict
    default: {}
  signing:
    description: >-
      Whether Infomaniak says of each mailbox that it signs its mail, V(dkim) of the settings of
      M(listkit.infomaniak.mailbox_settings_info).
    type: list
    elements: bool
    default: []
"""

EXAMPLES = r"""
- name: Show the problems
  ansible.builtin.debug:
    msg: "{{ (dns_result | listkit.kit.dns_report({}, {}, '')).text }}"
"""

RETURN = r"""
_value:
  description: The V(text), and the lines V(failures).
  type: dict
"""

from ansible_collections.listkit.kit.plugins.plugin_utils.dns_report import report


def dns_report(result, found, changes, zone, moves=False, signed=None, signing=()):
    """Return what to say about the DNS."""
    return report(result, found, changes, zone, moves=moves, signed=signed, signing=signing)._asdict()


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filters of this file by name."""
        return {"dns_report": dns_report}
