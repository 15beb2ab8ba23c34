"""`terraform/examples/dns`: the records are those that the kit looks for, and the kit finds nothing to add to them.

The provider is neither at the Go module proxy nor, without the registry, anywhere else. A stand-in with the attributes
of its release 1.1.9 is installed from a mirror, and makes the records in the stand-in for the API.
"""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.listkit.infomaniak.plugins.module_utils import mail_dns, records
from ansible_collections.listkit.infomaniak.plugins.module_utils.client import Client
from ansible_collections.listkit.infomaniak.plugins.module_utils.dmarc import new_record
from ansible_collections.listkit.infomaniak.plugins.module_utils.mail_dns import MAIL_EXCHANGER
from ansible_collections.listkit.infomaniak.plugins.module_utils.resolver import Resolver
from publiccloud import programs
from workspace import CONFIGURATION, run_terraform

from infomaniak_api import StandInApi
from infomaniak_api.account import Account, Zone
from infomaniak_api.name_server import NameServer
from infomaniak_api.server import TOKEN

EXAMPLE = CONFIGURATION / "examples/dns"
RELEASE = "1.1.9"
REGISTRIES = ("registry.terraform.io", "registry.opentofu.org")
PLATFORM = {"x86_64": "linux_amd64", "aarch64": "linux_arm64"}[platform.machine()]
SETTINGS = {"zone": "example.org", "fqdn": "lists.example.org", "dmarc_reports": "admin@example.org"}


@pytest.fixture
def api() -> Iterator[StandInApi]:
    with StandInApi(Account(zones={"example.org": Zone("example.org")})) as stand_in:
        yield stand_in


@pytest.fixture
def environment(api: StandInApi, tmp_path: Path) -> dict[str, str]:
    """A login at the provider, and a mirror with the stand-in for Infomaniak's plugin."""
    program, mirror = programs.built("infomaniak-provider"), tmp_path / "mirror"
    for registry in REGISTRIES:
        directory = mirror / registry / "infomaniak/infomaniak" / RELEASE / PLATFORM
        directory.mkdir(parents=True)
        (directory / program.name).symlink_to(program)
    configuration = tmp_path / "terraform.rc"
    configuration.write_text(
        f'disable_checkpoint = true\nprovider_installation {{ filesystem_mirror {{ path = "{mirror}" }} }}\n'
    )
    return {"TF_CLI_CONFIG_FILE": str(configuration), "INFOMANIAK_HOST": api.url, "INFOMANIAK_TOKEN": TOKEN}


def workspace(directory: Path, **settings: object) -> Path:
    """A copy of the example with settings."""
    shutil.copytree(EXAMPLE, directory)
    (directory / "terraform.tfvars.json").write_text(json.dumps(SETTINGS | settings))
    return directory


def test_the_example_is_planned_and_applied_and_the_kit_finds_nothing_to_add(
    api: StandInApi, environment: dict[str, str], tmp_path: Path
):
    directory = workspace(tmp_path / "dns", ipv4="198.51.100.1", ipv6="2001:db8::1")

    def terraform(*arguments: str) -> str:
        done = run_terraform(*arguments, cwd=directory, environment=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    terraform("init", "-input=false", "-no-color")
    assert "5 to add, 0 to change, 0 to destroy" in terraform("plan", "-input=false", "-no-color")
    terraform("apply", "-auto-approve", "-input=false", "-no-color")
    assert "No changes." in terraform("plan", "-input=false", "-no-color"), "a second run changes nothing"

    published: dict[tuple[str, str], list[str]] = {("spf.infomaniak.ch", "TXT"): ["v=spf1 ip4:192.0.2.0/24 -all"]}
    for record in records.find(Client(api.url, TOKEN), "example.org"):
        name = "example.org" if record.source == records.APEX else f"{record.source}.example.org"
        published.setdefault((name, record.type), []).append(record.target)
    with NameServer(published) as server:
        resolver, addresses = Resolver([server.address]), ["198.51.100.1", "2001:db8::1"]
        problems = mail_dns.check(resolver, ["example.org"], ["lists.example.org"], addresses, "admin@example.org")
    assert problems == []

    terraform("destroy", "-auto-approve", "-input=false", "-no-color")
    assert api.account.zones["example.org"].records == {}


def test_an_argument_that_the_provider_has_not_is_refused(environment: dict[str, str], tmp_path: Path):
    directory = workspace(tmp_path / "dns")
    main = directory / "main.tf"
    main.write_text(main.read_text().replace("zone_fqdn = var.zone", "zone = var.zone"))
    run_terraform("init", "-input=false", "-no-color", cwd=directory, environment=environment)
    refused = run_terraform("validate", "-no-color", cwd=directory, environment=environment)
    assert refused.returncode != 0
    assert 'An argument named "zone" is not expected here' in refused.stderr
    assert 'The argument "zone_fqdn" is required' in refused.stderr


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
