"""What Postfix's commands print is understood; the commands themselves are tried in tests/e2e."""

import os
import stat

import pytest

from listkit.budget.controller import classify
from listkit.budget.postfix import Envelope, Place, PostfixError, Queue, parse_postcat
from listkit.budget.window import Kind
from listkit.common.answers import HEADER, Answer

POSTCAT = """\
*** ENVELOPE RECORDS hold/4jXZcv4fSlz1Y2wr ***
message_size:             256             266               1               0             256               0
message_arrival_time: Sun Nov 22 16:42:55 2026
named_attribute: rewrite_context=local
sender: big-bounces@example.org
named_attribute: dsn_orig_rcpt=rfc822;ana@example.com
original_recipient: ana@example.com
recipient: ana@example.com
done_recipient: gone@example.com
recipient: ben@example.com
*** MESSAGE CONTENTS hold/4jXZcv4fSlz1Y2wr ***
Received: by lists.example.org (Postfix, from userid 0)
	id 4jXZcv4fSlz1Y2wr; Sun, 22 Nov 2026 16:42:55 +0000 (UTC)
List-Post: <mailto:big@example.org>
Subject: recipient: trick@example.com
*** HEADER EXTRACTED hold/4jXZcv4fSlz1Y2wr ***
named_attribute: encoding=8bit
recipient: late@example.com
*** MESSAGE FILE END hold/4jXZcv4fSlz1Y2wr ***
*** ENVELOPE RECORDS deferred/4jXZcv4fSlz1Y2ws ***
sender: 
recipient: cleo@example.com
*** MESSAGE CONTENTS deferred/4jXZcv4fSlz1Y2ws ***
Precedence: bulk
*** HEADER EXTRACTED deferred/4jXZcv4fSlz1Y2ws ***
*** MESSAGE FILE END deferred/4jXZcv4fSlz1Y2ws ***
"""  # noqa: W291 -- postcat prints an empty sender so
LISTING = """\
{"queue_id": "A1", "recipients": [{"address": "a@x.test", "delay_reason": "no"}, {"address": "b@x"}]}
{"queue_id": "B2", "recipients": [{"address": "c@x.test"}]}
"""


def test_envelopes_are_read_from_postcat():
    first, second = parse_postcat(POSTCAT)
    assert first.queue_id == "4jXZcv4fSlz1Y2wr"
    assert first.sender == "big-bounces@example.org"
    assert first.recipients == ("ana@example.com", "ben@example.com", "late@example.com")
    assert first.headers["List-Post"] == "<mailto:big@example.org>"
    assert (second.sender, second.recipients) == ("", ("cleo@example.com",))


def is_urgent(envelope):
    return classify(envelope) == (Kind.URGENT, None)


def test_posts_are_not_urgent_and_notices_are():
    post, notice = parse_postcat(POSTCAT)
    assert not is_urgent(post)
    assert is_urgent(notice)
    assert not is_urgent(Envelope("x", "a@example.org", tuple("abcdefghijk"), notice.headers))
    notice.headers.replace_header("Precedence", "list")
    assert not is_urgent(notice)
    # What Mailman 3.3.8 and 3.3.10 make of a request to confirm a subscription.
    notice.headers["Auto-Submitted"] = "auto-generated"
    assert is_urgent(notice)
    notice.headers["List-Post"] = "<mailto:a@example.org>"
    assert not is_urgent(notice)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("stranger", (Kind.STRANGER, Answer.STRANGER)),
        ("member", (Kind.URGENT, Answer.MEMBER)),
        ("OWNERS ", (Kind.URGENT, Answer.OWNERS)),
        ("everybody", (Kind.URGENT, None)),
    ],
)
def test_an_automatic_answer_is_what_it_is_marked_as(value, expected):
    _, notice = parse_postcat(POSTCAT)
    notice.headers[HEADER] = value
    assert classify(notice) == expected


@pytest.fixture
def postfix(tmp_path, monkeypatch):
    """Commands that print what a file says, and a spool."""

    def command(name, script):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    (tmp_path / "listing").write_text(LISTING)
    command("postqueue", f"cat {tmp_path}/listing")
    return tmp_path, command


def test_reasons_are_read_for_the_messages_that_are_asked_for(postfix):
    assert Queue(postfix[0]).delay_reasons({"A1"}) == {"A1": {"a@x.test": "no"}}


def queue_file(path, mode=0o700):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode)


def test_places_are_found_in_hashed_directories_too(postfix):
    spool, _ = postfix
    for path in ("hold/A1", "deferred/4/B2", "active/C3"):
        queue_file(spool / path)
    assert Queue(spool).places() == {"A1": Place.HOLD, "B2": Place.DEFERRED, "C3": Place.ACTIVE}


def test_a_message_on_hold_that_is_still_being_written_is_not_there_yet(postfix):
    spool, _ = postfix
    queue_file(spool / "hold/A1", mode=0o600)
    assert Queue(spool).places() == {}
    (spool / "hold/A1").chmod(0o700)
    assert Queue(spool).places() == {"A1": Place.HOLD}


def test_a_message_that_is_gone_is_left_out(postfix):
    spool, command = postfix
    command("postcat", 'test "$2" = A1 || exit 1; test $# = 2 || exit 1; printf "*** ENVELOPE RECORDS hold/A1 ***\\n"')
    queue = Queue(spool)
    assert [envelope.queue_id for envelope in queue.envelopes(["A1", "B2"])] == ["A1"]
    assert queue.unreadable == set()


def test_a_message_that_cannot_be_read_is_left_out_and_reported_once(postfix, caplog):
    spool, command = postfix
    for name in "ABC":
        queue_file(spool / "hold" / name)
    # postcat stops at the first file that it can't read.
    read = 'test $id != B || { echo "no way" >&2; exit 1; }; echo "*** ENVELOPE RECORDS hold/$id ***"'
    command("postcat", f"shift; for id; do {read}; done")
    queue = Queue(spool)
    for _ in range(2):
        assert [envelope.queue_id for envelope in queue.envelopes("ABC")] == ["A", "C"]
    assert queue.unreadable == {"B"}
    assert caplog.text.count("no way") == 1
    (spool / "hold/B").unlink()
    queue.places()
    assert queue.unreadable == set()


def test_a_big_queue_is_read_in_small_parts(postfix):
    spool, command = postfix
    command("postcat", f'echo $# >> {spool}/asked; shift; for id; do echo "*** ENVELOPE RECORDS hold/$id ***"; done')
    envelopes = Queue(spool).envelopes(f"{number:04}" for number in range(250))
    next(envelopes)
    assert (spool / "asked").read_text().split() == ["101"], "no part is read before it is needed"
    assert len(list(envelopes)) == 249
    assert (spool / "asked").read_text().split() == ["101", "101", "51"]


def test_a_listing_that_never_ends_is_given_up(postfix, monkeypatch):
    spool, command = postfix
    command("postqueue", "exec sleep 60")
    monkeypatch.setattr("listkit.budget.postfix.TIMEOUT_SECONDS", 0.1)
    with pytest.raises(PostfixError, match="exit 124"):
        Queue(spool).delay_reasons({"A1"})


def test_a_command_that_fails_says_why(postfix):
    spool, command = postfix
    command("postsuper", "echo 'postsuper: fatal: use of this command is reserved' >&2; exit 1")
    with pytest.raises(PostfixError, match="reserved"):
        Queue(spool).release("A1")
