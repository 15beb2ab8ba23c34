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
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "PATH": f"{BIN}:{os.environ['PATH']}"}
    return subprocess.run(
        argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS,
        check=False,
    )  # fmt: skip


def deploy(deployment: Deployment, release: str, component: str, **variables: object) -> None:
    """Run one component of the kit's playbook with some of the operator's variables changed."""
    done = run(deployment, release, "playbook.yml", "--tags", component, **variables)
    assert done.returncode == 0, done.stdout[-4000:]
