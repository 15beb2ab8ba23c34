"""For whom the mail service vouches, and what a stranger can't feign."""

from __future__ import annotations

import io

import pytest

from listkit.common.message.header import read_header
from listkit.common.vouching import vouched_author

SERVICE = "Authentication-Results: mx.infomaniak.com; "
SENT = "From: Ana <ana@example.com>\nSubject: x\n\n"


def author(*lines: str, rest: str = SENT) -> str:
    octets = ("".join(f"{line}\n" for line in lines) + rest).replace("\n", "\r\n").encode()
    return vouched_author(read_header(io.BytesIO(octets)).pairs())


@pytest.mark.parametrize(
    "result",
    [
        "dmarc=pass (p=reject dis=none) header.from=example.com",
        "dmarc = pass",
        "spf=fail; dmarc=pass",
        "dmarc=none; spf=pass smtp.mailfrom=bounce@example.com",
        "spf=pass (ok) smtp.mailfrom=example.com",
        'dkim=pass header.d=example.com header.s=x header.b="a;b"',
        "dkim=pass header.i=@example.com",
    ],
)
def test_a_message_that_passed_is_its_author_s(result):
    assert author(SERVICE + result) == "ana@example.com"


@pytest.mark.parametrize(
    "result",
    [
        "dmarc=fail; spf=pass smtp.mailfrom=example.com",
        "none",
        "spf=pass smtp.mailfrom=ana@elsewhere.net",
        "spf=pass smtp.mailfrom=com",
        "spf=softfail smtp.mailfrom=example.com",
        "dkim=pass header.d=badexample.com",
        "dkim=fail header.d=example.com",
        "(dmarc=pass) spf=none",
        "reason=dmarc=pass",
    ],
)
def test_any_other_is_not(result):
    assert author(SERVICE + result) == ""


def test_only_the_mail_service_s_own_fields_on_top_count():
    forged = SERVICE + "dmarc=pass header.from=example.com"
    assert author("Authentication-Results: mx.example.com; dmarc=pass") == ""
    assert author("Authentication-Results: x mx.infomaniak.com; dmarc=pass") == ""
    assert author(SERVICE + "dmarc=fail", forged) == ""
    assert author(SERVICE + "spf=none", "Received: from a by mx.infomaniak.com", forged) == ""
    assert author(SERVICE + "spf=none", SERVICE + "dkim=none", SERVICE + "dmarc=pass", "X: y") == "ana@example.com"
    assert author("Received: from a by mx.infomaniak.com", forged) == "ana@example.com"


def test_a_parent_s_signature_vouches_for_a_subdomain_and_for_no_other():
    rest = "From: ana@mail.example.com\n\n"
    assert author(SERVICE + "dkim=pass header.d=example.com", rest=rest) == "ana@mail.example.com"
    assert author(SERVICE + "dkim=pass header.d=news.example.com", rest=rest) == ""


@pytest.mark.parametrize(
    "rest",
    [
        "From: a@b.ch\nX-Original-From: a@b.ch, c@d.ch\n\n",
        "Subject: x\n\n",
        "From: a@b.ch, c@d.ch\n\n",
        "From: a@b.ch\nFrom: c@d.ch\n\n",
        "From: x\n\n",
    ],
)
def test_a_message_without_one_author_has_none(rest):
    assert author(SERVICE + "dmarc=pass", rest=rest) == ""
