"""The probe of the mail service, in both positions of everything that it asks about."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.listkit.infomaniak.plugins.modules import mail_probe

from infomaniak import Mailbox, StandIn

pytestmark = pytest.mark.lab
ALIAS = "test@customer.test"
Probe = Callable[..., dict]


@pytest.fixture
def probe(stand_in: StandIn, mailbox: Mailbox, monkeypatch, capsys) -> Probe:
    """Run the module as Ansible does, against the stand-in; options may override the usual ones."""
    lookup = socket.getaddrinfo

    def look_up(host, *arguments, **options):
        return lookup(stand_in.service.address if host == "mail.infomaniak.com" else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    def run(**options) -> dict:
        usual = {"address": mailbox.login, "password": mailbox.password, "alias": ALIAS, "wait": 60}
        surroundings = {"ca_file": str(stand_in.ca_file), "name_servers": [stand_in.service.address]}
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", None)
        with patch_module_args({**usual, **surroundings, **options}), pytest.raises(SystemExit):
            mail_probe.main()
        return json.loads(capsys.readouterr().out)

    return run


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
