# SPDX-License-Identifier: MIT
"""Options for the people with one role on one list."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc; the argument specs are in module_utils/rosters.py."""

    DOCUMENTATION = r"""
options: {}
notes:
  - No mail is sent, neither to new or removed members nor to the owners.
  - An address that isn't valid refuses the whole. The error names its place and value.
  - O(ignore:state=exact) stops before anything is written if it would remove more than 25 % or more than 20 people from
    a roster of 10 or more. The error has the whole plan, and the O(ignore:max_removals) that allows it.
  - The last owner of a list is never removed.
  - Upper and lower case in addresses don't matter.
  - An address has one display name in Mailman, which all lists share. Declare the same on each list, or only on one.
  - Through the resource C(plugins/listkit/members) of a Mailman plugin, each request changes up to 1000 people.
    A Mailman without it needs a request for each person, which is minutes for thousands.
"""
