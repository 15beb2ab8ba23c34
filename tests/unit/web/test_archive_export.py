"""The download of an archive has every post, whatever is in it."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import SimpleNamespace

import pytest

from listkit.web.patches import archive_export

BREAKS = ["\u0085", "\u2028", "\u2029", "\x0b", "\x1c", "\r\n", "\n"]


def post(**values) -> SimpleNamespace:
    made = SimpleNamespace(
        subject="Plums", sender_name="Ana", in_reply_to=None, content="Ripe.\n", message_id="1@example.org",
        sender=SimpleNamespace(address="ana@example.org"), mailinglist=SimpleNamespace(name="l@example.org"),
        date=datetime(2015, 3, 2, 9, tzinfo=UTC), archived_date=datetime(2015, 3, 2, 10, tzinfo=UTC),
    )  # fmt: skip
    vars(made).update(values)
    return made


def as_message(self, escape_addresses=True):
    """Return a message as HyperKitty does; Python refuses a subject that has a line break."""
    message = EmailMessage()
    message["Subject"] = self.subject
    message["From"] = self.sender_name
    return message


@pytest.mark.parametrize("line_break", BREAKS)
def test_a_line_break_in_a_subject_becomes_a_space_in_the_export_only(line_break):
    stored = post(subject=f"Plums{line_break}and more")
    message = archive_export._on_one_line(as_message)(stored)
    assert message["Subject"].split() == ["Plums", "and", "more"]
    assert stored.subject == f"Plums{line_break}and more"


def test_a_post_that_cannot_be_written_is_exported_as_text():
    def fails(self):
        raise IndexError("list index out of range")

    octets = archive_export._always(fails)(post(subject="Plums\u2028ripe", content="From here: \udcff é\n"))
    separator, _, rest = octets.partition(b"\n")
    assert separator == b"From ana@example.org Mon Mar 02 10:00:00 2015"
    message = message_from_bytes(rest, policy=policy.default)
    assert (message["Subject"], message["Message-ID"]) == ("Plums ripe", "<1@example.org>")
    assert message.get_content() == f"{archive_export.NOTE}\n\nFrom here: ? é\n"


def test_a_post_that_can_be_written_is_left_to_hyperkitty():
    assert archive_export._always(lambda self: b"as it is")(post()) == b"as it is"
