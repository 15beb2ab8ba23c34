"""What the archive shows of a post without a subject, and of one that is only a file."""

import email
import email.policy

import pytest

from listkit.web.patches import readable_posts


def stored(text: str, policy=email.policy.default) -> email.message.Message:
    """The message that HyperKitty gets."""
    calls = []
    add = readable_posts.wrap(lambda _name, message, from_import=False: calls.append((message, from_import)))
    add("ants@example.org", email.message_from_string(text, policy=policy), True)
    [(message, from_import)] = calls
    assert from_import
    return message


@pytest.mark.parametrize("policy", [email.policy.default, email.policy.compat32])
@pytest.mark.parametrize(
    ("field", "shown"),
    [
        ("", "(no subject)"),
        ("Subject:\n", "(no subject)"),
        ("Subject: =?utf-8?q?_?=\n", "(no subject)"),
        ("Subject: None\n", "None"),
        ("Subject: Plums\n", "Plums"),
    ],
)
def test_a_missing_subject_is_shown_as_such(field, shown, policy):
    message = stored(f"{field}From: ana@example.com\n\nHi\n", policy)
    assert message.get_all("subject") == [shown]
    assert message.get_content_type() == "text/plain"


def test_a_post_that_is_a_file_has_it_as_an_attachment():
    message = stored(
        "From: ana@example.com\nContent-Type: application/pdf; name=scan.pdf\nContent-Transfer-Encoding: base64\n\n"
        "JVBERg==\n"
    )
    [file] = message.iter_attachments()
    assert (message.get_content_type(), message["From"]) == ("multipart/mixed", "ana@example.com")
    assert (file.get_content_type(), file.get_filename(), file.get_content()) == (
        "application/pdf",
        "scan.pdf",
        b"%PDF",
    )


@pytest.mark.parametrize("kind", ["multipart/mixed; boundary=x", "message/rfc822", "text/html"])
def test_other_posts_stay_as_they_are(kind):
    text = f"From: ana@example.com\nSubject: Plums\nContent-Type: {kind}\n\nHi\n"
    assert stored(text).as_string() == email.message_from_string(text, policy=email.policy.default).as_string()
