# SPDX-License-Identifier: MIT
"""The members' syncs that timers on the host run."""

from __future__ import annotations

DOCUMENTATION = r"""
name: member_syncs
short_description: Return the members' syncs of the declared lists that have an interval
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Returns the lists whose C(members_from) has C(every), as C(listkit members scheduled) reads them.
options:
  _input:
    description: The declared lists, as in C(mailman_lists).
    type: list
    elements: dict
    required: true
  domain:
    description: The site's domain, which completes names without C(@).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the syncs
  ansible.builtin.debug:
    msg: "{{ lists | listkit.kit.member_syncs('example.org') }}"
  vars:
    lists: [{name: members, members_from: {file: /srv/members.csv, every: weekly}}]
"""

RETURN = r"""
_value:
  description: The syncs.
  type: list
  elements: dict
  sample: [{list: members@example.org, exact: false, file: /srv/members.csv, every: weekly}]
"""

from ansible_collections.listkit.kit.plugins.plugin_utils.declared_lists import member_syncs


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filters of this file by name."""
        return {"member_syncs": member_syncs}
