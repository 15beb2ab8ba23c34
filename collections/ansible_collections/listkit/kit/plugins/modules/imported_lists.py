#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Documentation of the action `listkit.kit.imported_lists`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: imported_lists
short_description: Turn the lists of another system into declarations
version_added: 0.1.0
description:
  - Reads lists of another system on the control machine, and returns them as C(mailman_lists) declares lists.
  - Nothing is written, and nothing of the source is executed.
  - The inventory wins. Owners, moderators, bans and header matches that exist in Mailman stay.
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: none
    description: Changes nothing.
options:
  source:
    description: The other system.
    type: str
    required: true
    choices: [csv, google, infomaniak, mailman2, sympa]
  paths:
    description: Files and directories of the other system, on the control machine.
    type: list
    elements: path
    default: []
  infomaniak_lists:
    description: The C(lists) that M(listkit.infomaniak.mailing_lists_info) returned.
    type: list
    elements: dict
    default: []
  name:
    description: The new name of the only list in the source.
    type: str
    default: ""
  only:
    description: Names of the lists to import. By default all.
    type: list
    elements: str
    default: []
  domain:
    description: The site's domain.
    type: str
    required: true
  defaults:
    description: Settings of every declared list.
    type: dict
    default: {}
  declared:
    description: The current value of C(mailman_lists).
    type: list
    elements: dict
    default: []
  live:
    description: The C(lists) that M(listkit.mailman3.mailing_lists_info) returned, with members.
    type: list
    elements: dict
    default: []
  directory:
    description:
      - Where the files are written.
      - Members in files of an earlier import who aren't members any more have left, and aren't added again.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Read the lists of Mailman 2.1
  listkit.kit.imported_lists:
    source: mailman2
    paths: [/srv/old/lists]
    domain: example.org
    directory: /home/ana/imported
  register: old
"""

RETURN = r"""
mailman_lists:
  description: The new value of C(mailman_lists), with the imported lists.
  type: list
  elements: dict
  returned: success
declarations:
  description: The entries of the imported lists, with the members to add.
  type: list
  elements: dict
  returned: success
files:
  description: The files to write, each with C(path) and C(content).
  type: list
  elements: dict
  returned: success
report:
  description: Lines with the imported lists, the parts that are left out and why, and commands for the archives.
  type: list
  elements: str
  returned: success
"""
