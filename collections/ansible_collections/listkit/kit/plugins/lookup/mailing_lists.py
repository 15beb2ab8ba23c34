# SPDX-License-Identifier: MIT
"""The options of listkit.mailman3.mailing_lists that declared lists become."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mailing_lists
short_description: Return the declared lists as options of listkit.mailman3.mailing_lists, with their members
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Reads the files, and runs the commands, with the members of the lists, on the control machine.
options:
  _terms:
    description: The lists, as in C(mailman_lists).
    type: list
    elements: list
    required: true
  domain:
    description: The site's domain, which completes names without C(@).
    type: str
    default: ""
  daily_limits:
    description: How many messages may leave in a day, by the list's address, for the plans of lists whose new members
      get a welcome message.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show what a list becomes
  ansible.builtin.debug:
    msg: "{{ lookup('listkit.kit.mailing_lists', mailman_lists) }}"
"""

RETURN = r"""
_list:
  description: The lists.
  type: list
  elements: dict
"""

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.listkit.kit.plugins.plugin_utils.declared_lists import module_options
from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import list_address


class LookupModule(LookupBase):
    """Ansible's entry point."""

    def run(self, terms, variables=None, **kwargs):
        """Return the options of each list."""
        self.set_options(var_options=variables, direct=kwargs)
        try:
            domain, limits = self.get_option("domain"), self.get_option("daily_limits")
            return [
                [module_options(item, limits.get(list_address(str(item["name"]), domain))) for item in lists]
                for lists in terms
            ]
        except (OSError, ValueError) as error:
            raise AnsibleLookupError(str(error)) from error
