"""Mailboxes for the import of archives: made ones of each kind, and those of other projects' tests.

made      a file of each kind, and what should come of it
packages  which Debian source packages have mailboxes, and how a host gets them
"""
