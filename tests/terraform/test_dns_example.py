"""`terraform/examples/dns`: the records are those that the kit looks for.

The provider is neither at the Go module proxy nor, without the registry, anywhere else: its arguments are compared with
those of its documentation, and what the records are made from is evaluated without it.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.listkit.infomaniak.plugins.module_utils.dmarc import new_record
from ansible_collections.listkit.infomaniak.plugins.module_utils.mail_dns import MAIL_EXCHANGER
from workspace import CONFIGURATION, run_terraform

EXAMPLE = CONFIGURATION / "examples/dns"
# Of release 1.1.9, as its page on infomaniak_record has them.
ARGUMENTS = {"zone_fqdn", "type", "source", "description", "ttl", "target", "data"}
PARTS = {"A": {"ip"}, "AAAA": {"ip"}, "MX": {"priority", "target"}, "TXT": {"value"}}
SETTINGS = {"zone": "example.org", "fqdn": "lists.example.org", "dmarc_reports": "admin@example.org"}


def evaluate(directory: Path, **settings: object) -> tuple[dict[str, dict[str, Any]], str]:
    """The records for these settings, and what terraform says when it refuses them."""
    shutil.copy(EXAMPLE / "records.tf", directory)
    (directory / "output.tf").write_text('output "records" {\n  value = local.records\n}\n')
    (directory / "terraform.tfvars.json").write_text(json.dumps(SETTINGS | settings))
    done = run_terraform("apply", "-auto-approve", "-input=false", "-no-color", cwd=directory)
    shown = run_terraform("output", "-json", cwd=directory)
    records = json.loads(shown.stdout).get("records", {"value": {}})["value"]
    return records, " ".join(done.stderr.replace("│", " ").split())


def test_the_records_are_those_that_the_kit_proposes(tmp_path: Path):
    records, refusal = evaluate(tmp_path, ipv4="198.51.100.1", ipv6="2001:db8::1")
    assert refusal == ""
    assert {name: (record["type"], record["source"]) for name, record in records.items()} == {
        "a": ("A", "lists"),
        "aaaa": ("AAAA", "lists"),
        "mx": ("MX", "."),
        "spf": ("TXT", "."),
        "dmarc": ("TXT", "_dmarc"),
    }
    assert records["mx"]["data"] == {"priority": 5, "target": MAIL_EXCHANGER}
    assert records["dmarc"]["data"] == {"value": new_record("admin@example.org")}
    for record in records.values():
        assert {name for name, value in record["data"].items() if value is not None} == PARTS[record["type"]]


def test_a_host_without_ipv4_has_no_such_record(tmp_path: Path):
    records, _ = evaluate(tmp_path, ipv6="2001:db8::1")
    assert "a" not in records and records["aaaa"]["data"]["ip"] == "2001:db8::1"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"zone": "Example"}, 'for example "example.org"'),
        ({"fqdn": "lists.example.net"}, 'for example "lists.example.org"'),
        ({"spf": "v=spf1 -all"}, "spf must include Infomaniak"),
        ({"dmarc_reports": "admin"}, "dmarc_reports must be an address"),
        ({"ttl": 30}, "between 60 and 86400"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_wrong_settings_are_named(tmp_path: Path, settings: dict[str, object], message: str):
    records, refusal = evaluate(tmp_path, **settings)
    assert records == {} and message in refusal


def test_the_resource_has_the_providers_arguments():
    (body,) = re.findall(
        r'^resource "infomaniak_record" "\w+" \{\n(.*?)^\}', (EXAMPLE / "main.tf").read_text(), re.M | re.S
    )
    used = set(re.findall(r"^  (\w+) +=", body, re.MULTILINE)) - {"for_each"}
    assert {"zone_fqdn", "type", "source"} <= used <= ARGUMENTS
