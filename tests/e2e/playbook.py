"""Runs a playbook against the hosts of one site, as an operator does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
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
    return run_with(deployment.inventory, playbook, "-e", json.dumps(variables), "--limit", hosts, *words)


def run_with(
    inventory: Path, playbook: str, *words: str, seconds: float = SECONDS, kit: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run it with this inventory and more words of the command line; standard output has all that Ansible said.

    kit: the directory of the version of the kit to run.
    """
    return subprocess.run(
        _argv(inventory, playbook, *words), cwd=kit, env=_environment(kit), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=seconds, check=False,
    )  # fmt: skip


def kill_after(wait: Callable[[], object], inventory: Path, playbook: str, *words: str) -> None:
    """Start it with this inventory, and kill Ansible when `wait` returns. Programs on the hosts continue."""
    with subprocess.Popen(
        _argv(inventory, playbook, *words), cwd=ROOT, env=_environment(), start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as ansible:  # fmt: skip
        try:
            wait()
        finally:
            os.killpg(ansible.pid, signal.SIGKILL)
    assert ansible.returncode, "the playbook ended before"


def _argv(inventory: Path, playbook: str, *words: str) -> list[str | Path]:
    return ["ansible-playbook", "-i", inventory, playbook, *words]


def _environment(kit: Path = ROOT) -> dict[str, str]:
    return {
        **os.environ,
        "ANSIBLE_CONFIG": str(kit / "ansible.cfg"),
        # Molecule asks for colours.
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_NOCOLOR": "1",
        "PATH": f"{BIN}:{os.environ['PATH']}",
    }


def deploy(deployment: Deployment, release: str, *words: str, **variables: object) -> str:
    """Run the kit's playbook, or with `--tags` a part of it; return what Ansible said."""
    done = run(deployment, release, "playbook.yml", *words, **variables)
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


def run_tasks(
    deployment: Deployment, release: str, folder: Path, *tasks: dict, variables: tuple[Path, ...] = ()
) -> str:
    """Run tasks on the host with core, with these files of variables; return what Ansible said."""
    host = deployment.sites[release].host.name
    head = {"hosts": host, "become": True, "gather_facts": False, "vars_files": [str(file) for file in variables]}
    # JSON is YAML.
    (folder / "play.yml").write_text(json.dumps([{**head, "tasks": list(tasks)}]))
    return run(deployment, release, str(folder / "play.yml"), "-D").stdout


def expectation(*conditions: str) -> dict:
    """Return a task that requires these conditions."""
    return {"ansible.builtin.assert": {"that": list(conditions)}}
