"""What happens to a post that HyperKitty doesn't take."""

import email
from pathlib import Path

import pytest

from listkit.common.message.plain_text import NOTE, simplified
from listkit.mailman.patches import archive_spool


class Spool:
    """As much of Mailman's switchboard as matters here."""

    def __init__(self, directory: Path, now: float):
        self.queue_directory, self.now, self.preserved = str(directory), now, []

    def enqueue(self, message, metadata=None, **more):
        filebase = f"{self.now}+1"
        Path(self.queue_directory, f"{filebase}.pck").touch()
        return filebase

    def finish(self, filebase, preserve=False):
        Path(self.queue_directory, f"{filebase}.bak").unlink()
        if preserve:
            self.preserved.append(filebase)


class Archiver:
    """HyperKitty's archiver; `answers` are the outcomes of its requests."""

    def __init__(self, directory, *answers):
        self._switchboard, self.answers, self.sent = Spool(directory, 1000.0), list(answers), []

    def _send_message(self, mlist, message):
        self.sent.append(message)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class List:
    list_id = "members.example.org"


POST = email.message_from_string("Message-ID: <1@example.org>\nFrom: ana@example.org\nSubject: Hi\n\nHello\n")
REFUSED, AWAY = ValueError("400"), ConnectionError("refused")


@pytest.fixture
def clock():
    return [1000.0]


@pytest.fixture
def retries(clock):
    return archive_spool.SpoolRetries(lambda: clock[0])


def files(directory):
    return [path.name for path in directory.iterdir()]


def test_a_post_is_archived(tmp_path, retries):
    assert archive_spool.archive(Archiver(tmp_path, "url"), List, POST, retries) == "url"
    assert files(tmp_path) == []


def test_a_refused_post_is_archived_as_text(tmp_path, retries):
    archiver = Archiver(tmp_path, REFUSED, "url")
    assert archive_spool.archive(archiver, List, POST, retries) == "url"
    assert NOTE in archiver.sent[1].get_content()
    assert files(tmp_path) == []


def retry(archiver, directory, retries):
    """Send the post in the spool again, as `process_queue` does."""
    (path,) = directory.iterdir()
    path.rename(path.with_suffix(".bak"))
    return archive_spool.archive(archiver, List, POST, retries, path.stem)


def test_without_an_answer_it_is_sent_again_with_the_next_post(tmp_path, retries):
    archiver = Archiver(tmp_path, AWAY, AWAY, "url")
    assert archive_spool.archive(archiver, List, POST, retries) is None
    assert retry(archiver, tmp_path, retries) is None
    assert files(tmp_path) == ["1000.0+1.pck"]
    assert retry(archiver, tmp_path, retries) == "url"
    assert files(tmp_path) == []


def test_a_refusal_is_not_repeated_with_every_post_and_ends(tmp_path, retries, clock):
    archiver = Archiver(tmp_path, *[REFUSED] * 1000)
    archive_spool.archive(archiver, List, POST, retries)
    for _post in range(50):
        retry(archiver, tmp_path, retries)
    assert len(archiver.sent) == 2
    clock[0] += archive_spool.RETRY_SECONDS
    retry(archiver, tmp_path, retries)
    assert len(archiver.sent) == 4
    clock[0] += archive_spool.GIVE_UP_SECONDS
    retry(archiver, tmp_path, retries)
    assert archiver._switchboard.preserved == ["1000.0+1"]
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    "header",
    [
        "Date: Mon, 30 Nov 99999 02:00:00 +0000",
        "Date: nonsense",
        "Subject: =?utf-8?B?SGVsbG8Ad29ybGQ=?=",
        f"From: {'Name ' * 200} <ana@example.org>",
        "From: =?utf-8?q?a=0D=0ABcc=3A?= <ana@example.org>",
        "From: jörg@example.org",
        "References: <a b> <c@example.org>",
        "Content-Type: text/plain; charset=no-such-charset",
        "Content-Type: multipart/mixed",
    ],
)
def test_any_post_can_be_made_plain_text(header):
    content = f"Message-ID: <1@example.org>\n{header}\n\nHello\0 all\n".encode()
    simple = simplified(email.message_from_bytes(content))
    assert simple["message-id"] == "<1@example.org>"
    assert b"\0" not in simple.as_bytes()
