"""DKIM keys and signatures, and the probe's report of them."""

from __future__ import annotations

import base64
from email.message import EmailMessage

import pytest
from ansible_collections.listkit.infomaniak.plugins.module_utils import dkim, probe
from ansible_collections.listkit.infomaniak.plugins.module_utils.resolver import Resolver
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from infomaniak_api.name_server import NameServer


def record(key, form=PublicFormat.SubjectPublicKeyInfo) -> str:
    return f"v=DKIM1; k=rsa; p={base64.b64encode(key.public_key().public_bytes(Encoding.DER, form)).decode()}"


@pytest.mark.parametrize("bits", [1024, 2048])
@pytest.mark.parametrize("form", [PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1])
def test_the_length_of_a_key(bits, form):
    key = rsa.generate_private_key(65537, bits)
    assert dkim.key_bits(record(key, form)) == bits
    assert dkim.key_bits(record(key, form).replace("k=rsa; ", "").replace("p=", "p= ")) == bits


@pytest.mark.parametrize("text", ["v=DKIM1; p=", "v=DKIM1; k=rsa; p=x", "v=DKIM1; p=MAA=", "", "v=DKIM1; p=AgEB"])
def test_what_is_not_a_key(text):
    assert dkim.key_bits(text) is None


def test_a_key_of_another_kind_has_no_length():
    key = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert dkim.key_bits(f"v=DKIM1; k=ed25519; p={base64.b64encode(key).decode()}") is None


def test_a_folded_signature():
    found = dkim.signature(
        "v=1; a=rsa-sha256; d=Example.org;\r\n\ts=20251103; h=Date : From:\r\n\tList-Unsubscribe; b=x"
    )
    assert found.key_name == "20251103._domainkey.example.org"
    assert found.covers == {"date", "from", "list-unsubscribe"}


FACTS = {
    "states": {"alias_receipt": "arrived", "plus_sender": "refused"},
    "answers": {"plus_sender": "553 5.7.1 ADDRESS"},
    "moved": {"alias_receipt": "Promotions"},
    "alias_header": None,
    "redirection_header": None,
    "forged_results_removed": None,
    "capabilities": [],
    "size_limit": None,
    "dkim": {"signed": True, "aligned": True, "selector": "2025", "covers_list_unsubscribe": False, "key_bits": 1024},
    "verp": False,
}


def test_the_report_names_weak_keys_moved_and_refused_mail():
    lines = probe.report(FACTS).splitlines()
    for line in (
        "mail to an alias: arrived, moved to Promotions",
        "mail from alias+tag: refused with 553 5.7.1 ADDRESS",
        "header with the alias: none",
        "DKIM key: 1024 bits, too short",
        "DKIM covers List-Unsubscribe: no",
        "SIZE: not announced",
    ):
        assert line in lines


def test_an_unsigned_message_is_reported():
    lines = probe.report({**FACTS, "dkim": None}).splitlines()
    assert "DKIM in alignment: unknown" in lines and "DKIM key: unknown" in lines


@pytest.mark.parametrize(("domain", "selector"), [("example.org", "20251103"), ("example.net", None)])
def test_the_facts_name_the_selector_of_a_signature_in_the_domains_name(domain, selector):
    key = rsa.generate_private_key(65537, 2048)
    message = EmailMessage()
    message["DKIM-Signature"] = f"v=1; d={domain}; s=20251103; h=from; b=x"
    outcomes = {
        trial.name: probe.Outcome(probe.LOST) for trial in probe.trials("m@example.org", "a@example.org", "t", None)
    }
    outcomes["alias_sender"] = probe.Outcome(probe.ARRIVED, message=message)
    with NameServer({("20251103._domainkey.example.org", "TXT"): [record(key)]}) as server:
        facts = probe.facts(probe.Findings(outcomes=outcomes), "a@example.org", None, Resolver([server.address]))
    assert facts["dkim"]["selector"] == selector
    assert facts["dkim"]["key_bits"] == (2048 if selector else None)
