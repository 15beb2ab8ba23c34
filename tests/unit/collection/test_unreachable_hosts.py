"""A host that can't be reached: the cause and the remedy stand below Ansible's error."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.listkit.kit.plugins.plugin_utils.unreachable import ADVICE, advice
from ansible_run import ansible_playbook

# As ssh says it.
SAID = {
    "unknown key": "No ED25519 host key is known for 192.0.2.1.\nHost key verification failed.",
    "another key": "@  WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!  @\nHost key verification failed.",
    "refused": "debian@192.0.2.1: Permission denied (publickey).",
    "blocked": "ssh: connect to host 192.0.2.1 port 22: Connection timed out",
    "closed": "ssh: connect to host 192.0.2.1 port 22: Connection refused",
    "no name": "ssh: Could not resolve hostname mailman: Name or service not known",
}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("unknown key", "its host key isn't known. `ssh 192.0.2.1` shows it"),
        ("another key", "`ssh-keygen -R 192.0.2.1`"),
        ("refused", "neither the user nor the key"),
        ("blocked", "security group"),
        ("closed", "ansible_port"),
        ("no name", "ansible_host"),
    ],
)
def test_each_cause_has_its_remedy(said, words):
    assert words in advice(SAID[said], "192.0.2.1")


def test_every_cause_is_tested_and_others_get_no_advice():
    assert len(SAID) == len(ADVICE)
    assert advice("kex_exchange_identification: banner line contains invalid characters", "192.0.2.1") == ""


def test_a_run_says_it(tmp_path: Path):
    ssh = tmp_path / "ssh"
    # It reads what Ansible sends; else Ansible may report a broken pipe.
    ssh.write_text(f"#!/bin/sh\ncat > /dev/null\necho '{SAID['unknown key']}' >&2\nexit 255\n")
    ssh.chmod(0o755)
    host = {"ansible_host": "192.0.2.1", "ansible_ssh_executable": str(ssh)}
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": {"mailman": host}}}))
    tasks = [{"ansible.builtin.ping": {}}]
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    run = ansible_playbook(tmp_path, "-i", "inventory.yml", "play.yml")
    assert run.returncode == 4
    assert re.search(r"mailman: its host key isn't known\. `ssh 192\.0\.2\.1` shows it", run.output), run.output
