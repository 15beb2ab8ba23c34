"""Whom the web interface's mail goes to."""

import pytest

from listkit.common.answers import Answer
from listkit.web.mail_marks import answer_of

LIST, ADMIN, MEMBER, STRANGER = "dev@example.org", "admin@example.net", "ana@example.com", "victim@example.com"


@pytest.mark.parametrize(
    ("recipients", "reported_to", "expected"),
    [
        ([LIST], [], None),
        ([MEMBER], [], Answer.ACCOUNT),
        ([ADMIN], [], Answer.ACCOUNT),
        ([ADMIN], [ADMIN], Answer.OWNERS),
        ([ADMIN, MEMBER], [ADMIN], Answer.ACCOUNT),
        ([STRANGER], [], Answer.STRANGER),
        ([STRANGER], [ADMIN], Answer.STRANGER),
        ([MEMBER, STRANGER], [], Answer.STRANGER),
        ([LIST, STRANGER], [], Answer.STRANGER),
        ([], [], None),
    ],
)
def test_only_persons_with_an_account_are_no_strangers(recipients, reported_to, expected):
    found = answer_of(
        recipients, reported_to=reported_to, is_list=LIST.__eq__, has_account=lambda address: address in (ADMIN, MEMBER)
    )
    assert found is expected
