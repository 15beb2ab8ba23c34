"""Runs a playbook against the hosts of one site, as an operator does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from deployment import Deployment

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SECONDS = 600


def run(
    deployment: Deployment, release: str, playbook: str, *words: str, **variables: object
) -> subprocess.CompletedProcess[str]:
    """Run it with more words of the command line, and with these variables on top of the inventory's.

    Standard output has everything that Ansible said.
    """
    hosts = ",".join(["localhost", *(host.name for host in deployment.sites[release].hosts)])
    argv = [
        "ansible-playbook",
        "-i",
        deployment.inventory,
        playbook,
        "-e",
        json.dumps(variables),
        "--limit",
        hosts,
        *words,
    ]
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        # Molecule asks for colours.
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_NOCOLOR": "1",
        "PATH": f"{BIN}:{os.environ['PATH']}",
    }
    return subprocess.run(
        argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS,
        check=False,
    )  # fmt: skip


def deploy(deployment: Deployment, release: str, *words: str, **variables: object) -> str:
    """Run the kit's playbook, or with `--tags` a part of it; return what Ansible said."""
    done = run(deployment, release, "playbook.yml", *words, **variables)
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout
