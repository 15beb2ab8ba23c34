"""Run ansible-playbook as an operator does, with the kit's configuration."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

KIT = Path(__file__).resolve().parents[3]
GUIDE = {
    "fqdn": "lists.example.org",
    "mail_host": "mail.infomaniak.com",
    "mail_account": "mailman@example.org",
    "mail_password": "the-device-password",
    "mailman_user": "admin",
    "mailman_password": "the-web-password",
    "mailman_domain": "example.org",
    "mailman_email": "admin@example.org",
}
"""The variables that every operator has to set."""


@dataclass(frozen=True)
class Run:
    """What ansible-playbook said."""

    returncode: int
    output: str


def ansible_playbook(folder: Path, *arguments: str, environment: dict | None = None) -> Run:
    """Run it in `folder`."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), *arguments],
        cwd=folder,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(KIT / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            **(environment or {}),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return Run(done.returncode, done.stdout)
