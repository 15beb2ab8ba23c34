# SPDX-License-Identifier: MIT
"""The lists that exist as the YAML that `mailman_lists` reads."""

from __future__ import annotations

DOCUMENTATION = r"""
name: exported_lists
short_description: Return the lists that exist as the YAML of mailman_lists
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Returns a file of variables. With its V(mailman_lists), a run of the playbook changes no list.
options:
  _input:
    description: The result of M(listkit.mailman3.mailing_lists_info).
    type: dict
    required: true
  declared:
    description: The current value of C(mailman_lists), which has what only the inventory knows.
    type: list
    elements: dict
    required: true
  domain:
    description: The site's domain.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the lists
  ansible.builtin.debug:
    msg: "{{ found | listkit.kit.exported_lists(mailman_lists, mailman_domain) }}"
"""

RETURN = r"""
_value:
  description: The text of the file.
  type: str
"""

from ansible_collections.listkit.kit.plugins.plugin_utils.exported_lists import as_yaml, entries


def exported_lists(found, declared, domain):
    """Return the lists in `found` as YAML."""
    return as_yaml(entries(found["lists"], declared, domain), found["left_out"])


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filters of this file by name."""
        return {"exported_lists": exported_lists}
