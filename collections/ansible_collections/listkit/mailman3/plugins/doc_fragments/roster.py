# SPDX-License-Identifier: MIT
"""Options for the people with one role on one list."""

from __future__ import annotations

from textwrap import indent

OPTION = """\
type: dict
suboptions:
  state:
    description: V(exact) removes those who aren't named; V(present) leaves them.
    type: str
    choices: [present, exact]
    default: present
  entries:
    description:
      - The people, each an address, C(Name <address>), or a dictionary of C(address), C(display_name), C(delivery_mode)
        (V(regular), V(mime_digests), V(plaintext_digests) or V(summary_digests)), C(delivery_status) (V(enabled),
        V(by_user), V(by_moderator) or V(by_bounces)) and C(moderation_action). Properties that aren't given are left
        unchanged.
      - C(moderation_action) is what happens to a member's or nonmember's posts instead of the list's default, one of
        V(accept), V(defer) (the other rules decide), V(hold), V(reject) and V(discard).
      - One of C(entries), C(file) and C(content) is required.
    type: list
    elements: raw
  file:
    description: File on the managed host with the people.
    type: path
  content:
    description: Text with the people, for example the output of a command.
    type: str
  format:
    description:
      - Format of C(file) or C(content).
      - V(csv) has a header with C(address) and optionally the other properties of C(entries).
        V(google) is an export of Google Groups, V(sympa) a dump of Sympa's subscribers, and V(mailman) has an address,
        or C(Name <address>), in each line, as Mailman 2 and 3 print them.
      - V(detect) finds it out from the first line.
    type: str
    choices: [detect, csv, google, sympa, mailman]
    default: detect
  allow_empty:
    description: Whether V(exact) may remove everyone because no member is named.
    type: bool
    default: false
  max_removals:
    description: How many people V(exact) may remove, instead of 25 % and 20.
    type: int
  welcome:
    description: Whether new members get the list's welcome message. The plan has the number of messages.
    type: bool
    default: false
  daily_limit:
    description: How many messages may leave in a day. The plan then says how much of that the welcome messages need,
      and how long it takes.
    type: int
"""


def _option(role: str, people: str) -> str:
    text = f"description: {people} Unchanged if not given.\n{OPTION}"
    return f"  {role}:\n{indent(text, ' ' * 4)}"


class ModuleDocFragment:
    """Read by ansible-doc; the argument specs are in module_utils/rosters.py."""

    DOCUMENTATION = r"""
options: {}
notes:
  - No mail is sent to removed members and owners, nor to new members unless O(ignore:welcome=true).
  - An address that isn't valid refuses the whole. The error names its place and value.
  - O(ignore:state=exact) stops before anything is written if it would remove more than 25 % or more than 20 people from
    a roster of 10 or more. The error has the whole plan, and the O(ignore:max_removals) that allows it.
  - The last owner of a list is never removed.
  - Upper and lower case in addresses don't matter.
  - An address has one display name in Mailman, which all lists share. Declare the same on each list, or only on one.
  - Through the resource C(plugins/listkit/members) of a Mailman plugin, each request changes up to 1000 people.
    A Mailman without it needs a request for each person, which is minutes for thousands.
"""
    # Each role's people, for the module `members`. ansible-test can't read unannotated values that are put together.
    ROLES: str = "options:\n" + "".join(
        [
            _option("members", "The list's members."),
            _option("owners", "The list's owners."),
            _option("moderators", "The list's moderators."),
            _option("nonmembers", "People who posted without being members."),
        ]
    )
