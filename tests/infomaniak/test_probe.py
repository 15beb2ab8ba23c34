"""The probe of the mail service, in both positions of everything that it asks about."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from types import ModuleType

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.listkit.infomaniak.plugins.modules import mail_login_info, mail_probe

from infomaniak import Mailbox, StandIn

pytestmark = pytest.mark.lab
ALIAS = "test@customer.test"
Run = Callable[..., dict]


@pytest.fixture
def run(stand_in: StandIn, mailbox: Mailbox, monkeypatch, capsys) -> Run:
    """Run a module as Ansible does, against the stand-in; options may override the usual ones."""
    lookup = socket.getaddrinfo

    def look_up(host, *arguments, **options):
        return lookup(stand_in.service.address if host == "mail.infomaniak.com" else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    def run_module(module: ModuleType, **options) -> dict:
        usual = {"address": mailbox.login, "password": mailbox.password, "authority": stand_in.ca_file.read_text()}
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", None)
        with patch_module_args({**usual, **options}), pytest.raises(SystemExit):
            module.main()
        return json.loads(capsys.readouterr().out)

    return run_module


@pytest.fixture
def probe(stand_in: StandIn, run: Run) -> Callable[..., dict]:
    """Run the probe."""
    return lambda **options: run(
        mail_probe, **{"alias": ALIAS, "wait": 60, "name_servers": [stand_in.service.address], **options}
    )


def test_the_service_as_it_probably_is(probe, stand_in, mailbox):
    result = probe()
    facts = result["facts"]
    assert facts["states"] == {
        "alias_receipt": "arrived",
        "alias_sender": "arrived",
        "plus_sender": "arrived",
        "foreign_sender": "refused",
        "foreign_author": "refused",
        "plus_receipt": "arrived",
    }
    assert facts["verp"] and facts["alias_header"] == "Delivered-To" and not facts["forged_results_removed"]
    assert facts["capabilities"] == ["IDLE", "MOVE", "UIDPLUS"] and facts["moved"] == {}
    assert facts["size_limit"] and facts["dkim"]["aligned"] and facts["dkim"]["key_bits"] == 2048
    assert stand_in.inbox(mailbox) == [], "it cleans up"
    assert stand_in.status()["recipients"] == 4
    assert facts["answers"]["foreign_sender"].startswith("553 ")
    public = f"{facts} {result['report']}"
    assert not [text for text in ("customer.test", "example.com", mailbox.password) if text in public], public


def test_the_service_as_it_may_be(probe, stand_in, mailbox):
    for switch, position in {
        "delivered_to": "mailbox",
        "plus_sender": "refused",
        "plus_receipt": "refused",
        "foreign_author": "accepted",
        "forged_verdicts": "removed",
        "idle": "off",
        "filed_into": "Promotions",
    }.items():
        stand_in.set(switch, position)
    facts = probe()["facts"]
    assert [facts["states"][name] for name in ("plus_sender", "plus_receipt", "foreign_author")] == [
        "refused",
        "refused",
        "arrived",
    ]
    assert not facts["verp"] and facts["alias_header"] is None and facts["forged_results_removed"]
    assert facts["capabilities"] == ["MOVE", "UIDPLUS"] and facts["moved"]["alias_receipt"] == "Promotions"
    assert stand_in.inbox(mailbox) == []


def test_mail_that_never_comes_and_an_alias_that_may_not_send(probe, stand_in):
    stand_in.set("alias_sender", "refused")
    stand_in.set("plus_receipt", "lost")
    result = probe(wait=5)
    assert result["facts"]["states"]["alias_sender"] == "refused" and result["facts"]["dkim"] is None
    assert "mail from an alias: refused with 5" in result["report"] and "DKIM in alignment: unknown" in result["report"]


def test_a_wrong_password_is_tried_once(probe, stand_in):
    failed = probe(password="another-password")
    assert failed["failed"] and "It must be a device password of this mailbox" in failed["msg"]
    assert "another-password" not in str(failed)
    assert stand_in.status()["refused"]["login"] == 1


def test_a_right_password_logs_in(run):
    assert run(mail_login_info)["problems"] == []
    assert run(mail_login_info, port=465)["problems"] == []


def test_a_refused_password_is_not_tried_by_imap_too(run, stand_in):
    (problem,) = run(mail_login_info, password="another-password")["problems"]
    assert problem.startswith("mail.infomaniak.com:587 refuses the password of mailman@customer.test: 535 ")
    assert stand_in.status()["refused"]["login"] == 1


def test_a_mailbox_that_only_smtp_knows(run, stand_in):
    stand_in.set("login_refused", "imap")
    (problem,) = run(mail_login_info)["problems"]
    assert problem.startswith("mail.infomaniak.com:993 refuses the password of mailman@customer.test")


def test_a_certificate_of_an_unknown_authority(run):
    problems = run(mail_login_info, authority="")["problems"]
    assert len(problems) == 2 and all("the certificate isn't trusted: " in problem for problem in problems)
