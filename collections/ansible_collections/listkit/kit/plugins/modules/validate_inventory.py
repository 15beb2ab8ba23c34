#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Documentation of the action `listkit.kit.validate_inventory`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: validate_inventory
short_description: Check the operator's variables before anything is changed
version_added: 0.1.0
description:
  - Reads the argument specs of all roles and reports everything that is wrong with the inventory at once. For each
    problem it names the variable, what is wrong with it, and a right value.
  - Takes no connection to the host. Put it at the head of the first play.
  - Finds misspelt names too, of variables as well as of keys inside of them, and names that the plays of this file set
    and would overrule.
  - A switch or a number of the operator's may be text that spells it, as an INI inventory brings it; the plays convert
    it. Those of the roles may not, and a number is no text.
  - Never prints the value of an option with C(no_log).
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: none
    description: Changes nothing.
options:
  operator:
    description: The role whose argument spec describes the operator's variables. These are checked completely.
    type: str
    default: site
  roles:
    description:
      - Roles whose variables are known too. Of these, only what the inventory gives is checked.
      - Empty takes every role that is found.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Check every variable before anything changes
  hosts: mailman
  gather_facts: false
  pre_tasks:
    - name: Check the operator's variables
      listkit.kit.validate_inventory:
"""

RETURN = r"""
msg:
  description: One line for each problem, with the variable, what is wrong with it and a right value.
  type: str
  returned: failure
  sample: |-
    1 value is not right; nothing was changed:
    mail_account: 'mailman' has no @: a full e-mail address is needed (for example mailman@example.org)
"""
