# SPDX-License-Identifier: MIT
"""The limits of a mailbox of one of Infomaniak's plans."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mail_plan
short_description: Return the limits of a mailbox of one of Infomaniak's plans
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Returns how many recipients a mailbox may send to in 24 hours, and how many aliases it can have.
options:
  _input:
    description: Name of the plan.
    type: str
    choices: [paid, ksuite_one_user, my_ksuite, starter]
    required: true
"""

EXAMPLES = r"""
- name: Show the limit
  ansible.builtin.debug:
    msg: "{{ ('paid' | listkit.kit.mail_plan).recipients }}"
"""

RETURN = r"""
_value:
  description: The numbers V(recipients) and V(aliases).
  type: dict
  sample: {recipients: 1440, aliases: 50}
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.listkit.kit.plugins.plugin_utils.mail_plans import PLANS, limits


def mail_plan(plan):
    """Return the limits of a mailbox of this plan."""
    if plan not in PLANS:
        raise AnsibleFilterError(f"mail_plan: must be one of {', '.join(PLANS)}, not {plan!r} (for example paid)")
    return limits(plan)


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filters of this file by name."""
        return {"mail_plan": mail_plan}
