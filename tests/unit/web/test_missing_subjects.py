"""What the archive shows in place of a subject that a post hasn't."""

import email
import email.policy

import pytest

from listkit.web.patches import missing_subjects


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
    stored = []
    add = missing_subjects.wrap(lambda _name, message, from_import=False: stored.append((message, from_import)))
    add("ants@example.org", email.message_from_string(f"{field}From: ana@example.com\n\nHi\n", policy=policy), True)
    [(message, from_import)] = stored
    assert message.get_all("subject") == [shown]
    assert from_import
