"""What is read from a field that is partly a sender's text."""

import time

import pytest

from listkit.common.authentication_results import Result, of_service

SERVICE = "mx.infomaniak.com"


@pytest.mark.parametrize(
    ("value", "results"),
    [
        (f"{SERVICE}; none", []),
        (f"{SERVICE}", []),
        (f"{SERVICE} 1; DMARC/1 = Pass header.from=example.com", [Result("dmarc", "pass")]),
        (f"(a (b; c) d) {SERVICE.upper()}; spf=pass smtp.mailfrom=ana@Example.com",
         [Result("spf", "pass", "example.com")]),
        (f'{SERVICE}; spf=pass smtp.mailfrom="ana; b"@example.com', [Result("spf", "pass", "example.com")]),
        (f'{SERVICE}; dkim=pass header.b="a;b" header.i=@example.com; spf=none',
         [Result("dkim", "pass", "example.com"), Result("spf", "none")]),
    ],
)  # fmt: skip
def test_results_are_read(value, results):
    assert of_service(value) == results


@pytest.mark.parametrize(
    "value", ["", "mx.example.com; dmarc=pass", f"x {SERVICE}; dmarc=pass", f"{SERVICE}.example.com; dmarc=pass"]
)
def test_another_s_value_has_none(value):
    assert of_service(value) is None


@pytest.mark.parametrize(
    "written",
    [
        r"(domain of \"x\);dmarc=pass;\"@example.com)",
        "(a (b) ; dmarc=pass)",
        'reason="; dmarc=pass"',
        r'reason="\"; dmarc=pass"',
        'smtp.helo="(" reason="); dmarc=pass"',
        "reason=dmarc=pass",
    ],
)
def test_a_sender_s_text_is_not_read(written):
    assert of_service(f"{SERVICE}; spf=fail {written}; dmarc=fail") == [Result("spf", "fail"), Result("dmarc", "fail")]


@pytest.mark.parametrize("text", ["(", '"', '\\"', "((", "()", '("', "; a=b", " "])
def test_a_crafted_value_takes_no_time(text):
    began = time.process_time()
    of_service(f'{SERVICE}; "{text * 100_000}')
    assert time.process_time() - began < 1
