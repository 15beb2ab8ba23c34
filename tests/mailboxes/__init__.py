"""Mailboxes for the import of archives: made ones of each kind, and those of other projects' tests.

made      a file of each kind, and what should come of it
packages  which packages of Debian and PyPI have mailboxes, and how to fetch them
"""
