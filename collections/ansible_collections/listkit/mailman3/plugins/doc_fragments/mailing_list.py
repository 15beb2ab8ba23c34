# SPDX-License-Identifier: MIT
"""Options for one mailing list, of the modules for one and for many."""

from __future__ import annotations

from textwrap import indent

from ansible_collections.listkit.mailman3.plugins.doc_fragments.roster import OPTION

OPTIONS = f"""\
name:
  description: The list's full address. M(listkit.mailman3.mailing_lists) completes a name without C(@) with its domain.
  type: str
  required: true
description:
  description: One line about the list. Unchanged if not given.
  type: str
owners:
  description: Addresses of the owners; any others are removed, but not the last one. Unchanged if not given.
  type: list
  elements: str
moderators:
  description: Addresses of the moderators; any others are removed. Unchanged if not given.
  type: list
  elements: str
members:
  description: The members. Unchanged if not given.
{indent(OPTION, "  ")}
bans:
  description: Addresses, and patterns that start with C(^), that can't subscribe or post. Any others are removed.
  type: list
  elements: str
header_matches:
  description: What to do with posts that have such a header. Any other rules are removed.
  type: list
  elements: dict
  suboptions:
    header:
      description: The header's name, without a colon.
      type: str
      required: true
    pattern:
      description: Regular expression that its value contains. Case doesn't matter.
      type: str
      required: true
    action:
      description: What happens to the post. The site's default if not given.
      type: str
      choices: [hold, reject, discard, accept, defer]
templates:
  description:
    - The list's own texts by the template's name, such as V(list:user:notice:welcome). Others are left unchanged.
    - "Each is a text, C({{uri: …}}) with the place to read it from, or C({{state: absent}}) to remove it."
  type: dict
  default: {{}}
settings:
  description: Settings by their names in Mailman's REST interface. They override the defaults of
    M(listkit.mailman3.mailing_lists).
  type: dict
  default: {{}}
style:
  description: Style of a new list, instead of Mailman's default. Existing lists keep theirs.
  type: str
state:
  description: V(absent) removes the list with its members and held messages. The archive is kept.
  type: str
  choices: [present, absent]
  default: present
force:
  description: Whether V(absent) may remove a list that has members or held messages. Otherwise the module fails before
    it changes anything, and says how many there are.
  type: bool
  default: false
"""


class ModuleDocFragment:
    """Read by ansible-doc; the argument specs are in module_utils/mailing_lists.py."""

    # With an annotation, because ansible-test can't read unannotated values that are put together.
    DOCUMENTATION: str = f"options:\n{indent(OPTIONS, '  ')}"
    LISTS: str = f"""\
options:
  lists:
    description: The lists, with the options of M(listkit.mailman3.mailing_list).
    type: list
    elements: dict
    default: []
    suboptions:
{indent(OPTIONS, " " * 6)}
"""
