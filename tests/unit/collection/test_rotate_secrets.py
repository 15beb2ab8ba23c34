"""`playbooks/rotate-secrets.yml` knows every secret that a host makes."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from ansible_collections.listkit.kit.plugins.plugin_utils import topology

ROOT = Path(__file__).resolve().parents[3]
USED = re.compile(r"'([a-z_]+)' \| listkit\.host\.host_secret")


def test_every_secret_that_a_host_makes_can_be_rotated():
    play = yaml.safe_load((ROOT / "playbooks" / "rotate-secrets.yml").read_text())[0]
    files = [path for folder in ("roles", "playbooks") for path in (ROOT / folder).rglob("*") if path.is_file()]
    in_templates = {name for path in files for name in USED.findall(path.read_text())}
    assert in_templates
    assert play["vars"]["_rotate_known"] == sorted(in_templates | {secret.name for secret in topology.SHARED})


def test_the_runbook_explains_each():
    play = yaml.safe_load((ROOT / "playbooks" / "rotate-secrets.yml").read_text())[0]
    page = (ROOT / "docs" / "runbooks" / "rotate-secrets.md").read_text()
    assert [name for name in play["vars"]["_rotate_known"] if f"| `{name}` |" not in page] == []
