"""When a waiting job was queued: read from its signature, without opening it."""

import pytest

from listkit.web import job_backlog


@pytest.mark.parametrize(
    ("payload", "time"),
    [
        # As django.core.signing writes it at 2023-11-14 22:13:20 UTC.
        (".eJxVjk:1r31eq:F_Gj-s", 1_700_000_000),
        ("a:b:1r31eq:F_Gj-s", 1_700_000_000),
        ("unreadable", None),
        ("", None),
        ("a::b", None),
        ("a:-:b", None),
    ],
)
def test_the_time_is_that_of_the_signature(payload, time):
    assert job_backlog.queued_at(payload) == time
