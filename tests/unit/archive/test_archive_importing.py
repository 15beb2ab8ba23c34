"""Every message that is read is in the archive afterwards, or in the report."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from listkit.archive import importing, sources
from listkit.archive.importing import Import, Outcome, Stored
from listkit.archive.report import Account, Progress, duration

CASES = Path(__file__).with_name("cases")
LONG_AGO = datetime(2015, 3, 2, tzinfo=UTC)
SEPARATOR = b"From ana@example.org Mon Mar  2 10:00:00 2015\n"


class FakeArchive:
    """An archive in memory. `refused`: subjects that it does not accept; `fails_at`: the batch that fails."""

    def __init__(self):
        self.posts, self.refused, self.batches, self.fails_at = {}, {}, 0, 0

    def stored(self, message_ids):
        return {one: self.posts[one] for one in message_ids if one in self.posts}

    def add(self, posts):
        self.batches += 1
        if self.batches == self.fails_at:
            raise ConnectionError("the database is away")
        for post in posts:
            if post.subject not in self.refused:
                assert post.message_id not in self.posts
                self.posts[post.message_id] = Stored(post.date, post.subject, post.text)
        return [
            Outcome(is_added=post.subject not in self.refused, remark=self.refused.get(post.subject, ""))
            for post in posts
        ]


@pytest.fixture
def archive():
    return FakeArchive()


def bring(archive, *files, dry_run=False):
    """Import files; return the account and its lines."""
    lines: list[str] = []
    account = Account(lines.append, lines.append)
    found = [source for file in files for source in sources.find(Path(file))]
    Import(archive, "example.org", account, dry_run=dry_run).run(found)
    assert account.is_balanced
    return account, lines


def box(tmp_path, *messages: tuple[str, str, str], name="box") -> Path:
    """Write an mbox of messages with this Message-ID, subject and text."""
    file = tmp_path / name
    file.write_bytes(
        b"".join(
            SEPARATOR
            + f"From: a@example.org\nDate: Mon, 2 Mar 2015 10:00:00 +0000\nMessage-ID: <{identity}>\n"
            f"Subject: {subject}\n\n{text}\n\n".encode()
            for identity, subject, text in messages
        )
    )
    return file


@pytest.mark.parametrize(
    ("name", "count"),
    [("broken.mbox.gz", 48), ("broken2.mbox.gz", 47), ("crash-date-overflow.mbox", 3), ("crash-subject.mbox", 8),
     ("crash-pipermail-separator.mbox", 3), ("good.mbox.gz", 3), ("mac.mbox", 3), ("no-message-id.mbox", 1),
     ("one.eml", 1)],
)  # fmt: skip
def test_each_case_comes_in_whole_and_a_second_import_adds_nothing(archive, name, count):
    account, _ = bring(archive, CASES / name)
    assert (account.added, account.left_out, len(archive.posts)) == (count, 0, count)
    account, lines = bring(archive, CASES / name)
    assert (account.added, account.already, account.left_out) == (0, count, 0)
    assert len([line for line in lines if line.startswith("already in the archive: ")]) == count


def test_every_message_that_is_not_added_is_named_with_the_reason(archive, tmp_path):
    file = box(tmp_path, ("1@x", "Plums", "ripe"), ("1@x", "Plums", "ripe "), ("2@x", "Bad", "x"), ("3@x", "Last", "y"))
    file.write_bytes(file.read_bytes() + SEPARATOR + b"\n")
    archive.refused = {"Bad": "DataError: value too long"}
    account, lines = bring(archive, file)
    assert (account.read, account.added, account.left_out) == (5, 2, 3)
    assert sorted(lines) == [
        'not added: message 2 of box (a@example.org, Mon, 2 Mar 2015 10:00:00 +0000, "Plums"): '
        "duplicate of message 1 of box",
        'not added: message 3 of box (a@example.org, Mon, 2 Mar 2015 10:00:00 +0000, "Bad"): '
        "refused by the archive because DataError: value too long",
        'not added: message 5 of box (no sender, no date, ""): it has no header',
    ]
    assert account.summary() == "5 messages read: 2 added, 0 already in the archive, 3 not added"


def test_two_messages_of_one_id_are_both_added_and_stay_so(archive, tmp_path):
    file = box(tmp_path, ("1@x", "Plums", "ripe"), ("1@x", "Plums", "green"), ("1@x", "Pears", "hard"))
    assert bring(archive, file)[0].added == 3
    assert bring(archive, file)[0].already == 3
    other = box(tmp_path, ("1@x", "Quinces", "of another file"), name="other")
    assert bring(archive, other)[0].added == 1
    assert bring(archive, file, other)[0].already == 4


def test_a_live_post_whose_text_a_program_changed_is_the_same_message(archive, tmp_path):
    archive.posts["1@x"] = Stored(datetime(2015, 3, 2, 10, tzinfo=UTC), "Plums", "ripe\n-- \na footer")
    account, _ = bring(archive, box(tmp_path, ("1@x", "Plums", "ripe")))
    assert (account.added, account.already) == (0, 1)


def test_an_import_that_stopped_continues_where_it_was(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "BATCH_POSTS", 10)
    file = box(tmp_path, *((f"{number}@x", f"Post {number}", "x") for number in range(50)))
    archive.fails_at = 3
    with pytest.raises(ConnectionError):
        bring(archive, file)
    assert len(archive.posts) == 20
    account, _ = bring(archive, file)
    assert (account.added, account.already, len(archive.posts)) == (30, 20, 50)


def test_large_messages_make_small_batches(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "BATCH_OCTETS", 5_000)
    bring(archive, box(tmp_path, *((f"{number}@x", "Large", "x" * 3_000) for number in range(10))))
    assert archive.batches == 5


def test_check_mode_reports_the_same_and_stores_nothing(archive):
    account, checked = bring(archive, CASES / "broken.mbox.gz", dry_run=True)
    assert (account.added, archive.posts) == (48, {})
    assert account.summary(dry_run=True).startswith("48 messages read: 48 would be added,")
    assert bring(archive, CASES / "broken.mbox.gz")[1] == checked


def test_a_file_that_is_no_mail_is_a_problem_and_the_others_are_read(archive, tmp_path):
    (tmp_path / "notes").write_text("Buy plums\n")
    account, lines = bring(archive, tmp_path / "notes", CASES / "one.eml")
    assert (account.added, len(account.problems)) == (1, 1)
    assert lines == ["not read: notes is neither a mailbox nor a message; it begins with: Buy plums"]


class TestProgress:
    def test_there_is_a_line_now_and_then_with_a_rate_and_an_estimate(self, tmp_path):
        now, stream = [0.0], io.StringIO()
        progress = Progress(1000, stream, tmp_path / "progress", lambda: now[0])
        for now[0], octets, messages in ((5.0, 100, 50), (20.0, 250, 200), (21.0, 260, 210)):
            progress.show(octets, messages)
        progress.end()
        assert stream.getvalue() == "████████······················  25%  200 messages, 10 a second, 60 s left\n"
        assert (tmp_path / "progress").read_text() == stream.getvalue()

    @pytest.mark.parametrize(
        ("seconds", "text"), [(0.2, "0 s"), (99, "99 s"), (120, "2 min"), (5_940, "99 min"), (7_260, "2 h 1 min")]
    )
    def test_a_duration_is_readable(self, seconds, text):
        assert duration(seconds) == text


def test_an_empty_file_in_a_directory_is_reported_and_no_failure(archive, tmp_path):
    box(tmp_path, ("1@example.org", "Plums", "blue"))
    (tmp_path / "trash").touch()
    account, lines = bring(archive, tmp_path)
    assert (account.added, account.problems, lines) == (1, [], ["empty: trash"])


def test_a_message_without_an_id_a_date_and_plain_text_is_recognised(archive, tmp_path):
    file = tmp_path / "a.eml"
    file.write_bytes(b"From: ana@example.org\nSubject: x\nContent-Type: text/html\n\n<p>Hello\n")
    assert bring(archive, file)[0].added == 1
    # HyperKitty keeps HTML as an attachment.
    archive.posts = {key: replace(post, text="*", date=LONG_AGO) for key, post in archive.posts.items()}
    again, _ = bring(archive, file)
    assert (again.added, again.already) == (0, 1)


def test_a_message_with_an_id_but_without_a_date_is_recognised_by_its_subject_and_text(archive, tmp_path):
    file = tmp_path / "a.eml"
    file.write_bytes(b"From: ana@example.org\nMessage-ID: <1@x>\n\nPlums.\n")
    assert bring(archive, file)[0].added == 1
    archive.posts = {key: replace(post, date=LONG_AGO) for key, post in archive.posts.items()}
    again, _ = bring(archive, file)
    assert (again.added, again.already) == (0, 1)
    file.write_bytes(b"From: ana@example.org\nMessage-ID: <1@x>\n\nPears.\n")
    assert bring(archive, file)[0].added == 1
