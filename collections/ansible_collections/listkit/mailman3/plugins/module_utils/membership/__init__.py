# SPDX-License-Identifier: MIT
"""The people on a list: read from a file, compared with a list's roster, and changed in Mailman.

    entries    one person, as declared or as Mailman has it, and what is not valid about it
    files      the formats of files with members
    plan       what differs, whether that is too much to remove, and how it is shown
    sync       carries out a plan, in batches
    bulk       a roster through the plugin's resource `members`, many people in each request

Only the standard library and `addresses` are imported here, so other programs than Ansible's modules can use it, too.
"""
