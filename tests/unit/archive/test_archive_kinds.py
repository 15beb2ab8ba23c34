"""A mailbox of each kind comes in whole, once, and with a word on what doesn't."""

import pytest
from test_archive_importing import FakeArchive, bring

from mailboxes import made


@pytest.mark.parametrize("kind", list(made.kinds()), ids=lambda kind: kind.name)
def test_a_file_of_each_kind(kind, tmp_path):
    (tmp_path / kind.name).write_bytes(kind.octets)
    archive = FakeArchive()
    account, lines = bring(archive, tmp_path / kind.name)
    assert (account.read, account.added, not account.problems) == (kind.messages, kind.posts, kind.is_readable), lines
    again, _ = bring(archive, tmp_path / kind.name)
    assert (again.read, again.added) == (kind.messages, 0)


def test_a_directory_of_all_kinds(tmp_path):
    written = made.write(tmp_path)
    account, _ = bring(FakeArchive(), tmp_path)
    assert account.read == sum(kind.messages for kind in written)
    assert account.added == sum(kind.posts for kind in written)
    named = {problem.partition(" ")[0] for problem in account.problems}
    unreadable = {kind.name for kind in written if not kind.is_readable}
    # An empty file in a directory, and a page of HTML beside mail, are no problem.
    assert named == unreadable - {"nothing.mbox", "page.html"}
