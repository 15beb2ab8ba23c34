"""The strict receiver takes DMARC at its word."""

import shlex

import pytest

from infomaniak import compose

pytestmark = pytest.mark.lab


def forge(stand_in, sender: str, author: str) -> str:
    """Hand a message to the strict receiver from a foreign address; returns the end of the conversation."""
    message = compose(author, "bob@strict.test", "Forged").as_string()
    script = f"""
import smtplib, sys
smtplib.SMTP("mx.strict.test").sendmail({sender!r}, ["bob@strict.test"], sys.stdin.read())
"""
    return stand_in.service.try_run(shlex.join(["python3", "-c", script]), stdin=message).stderr


def test_a_bank_s_own_post_passes(stand_in, mailbox):
    stand_in.post("ana@bank.test", "test@customer.test", compose("ana@bank.test", "test@customer.test", "Hi"))
    arrived = stand_in.wait(lambda: stand_in.inbox(mailbox), "the post")
    assert "d=bank.test" in arrived[0]["DKIM-Signature"]


def test_a_forged_bank_is_rejected(stand_in):
    assert "550" in forge(stand_in, "test@customer.test", "ana@bank.test")
    assert stand_in.received("bob@strict.test") == []


def test_a_domain_without_policy_is_let_through(stand_in):
    assert forge(stand_in, "test@customer.test", "ana@plain.test") == ""
    assert "dmarc=none" in stand_in.wait_for_mail("bob@strict.test").verdicts


def test_thousands_of_addresses(stand_in, submit):
    for start in range(0, 300, 100):
        submit(recipients=[f"user{start + n}@strict.test" for n in range(100)])
    stand_in.wait(lambda: len(stand_in.counts()) == 300, "300 deliveries")
    assert set(stand_in.counts().values()) == {1}
