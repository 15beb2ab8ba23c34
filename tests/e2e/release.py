"""The releases of the kit that CHANGELOG.md names, and their files."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHANGELOG = ROOT / "CHANGELOG.md"
KIT = ("ansible.cfg", "collections", "playbook.yml", "playbooks", "roles", "src")
"""The files of the repository with which an operator deploys."""
SECTION = re.compile(r"^## (\d+\.\d+\.\d+)\n\nCommit `([0-9a-f]{40})`", re.MULTILINE)


class ReleaseError(Exception):
    """The repository lacks a release."""


@dataclass(frozen=True)
class Release:
    """A version of the kit, and its commit."""

    version: str
    commit: str

    def unpack(self, directory: Path, repository: Path = ROOT) -> Path:
        """Write the kit's files of this release into a directory, and return it. Raises ReleaseError."""
        if _git(repository, "cat-file", "-e", f"{self.commit}^{{commit}}").returncode:
            _git(repository, "fetch", "--quiet", "--depth=1", "origin", self.commit)  # a shallow clone lacks it
        done = _git(repository, "archive", self.commit, "--", *KIT)
        if done.returncode:
            raise ReleaseError(
                f"CHANGELOG.md names {self.commit} as version {self.version}, but neither this repository nor origin "
                f"has that commit: {done.stderr.decode().strip()}. In a shallow clone: `git fetch --unshallow`"
            )
        subprocess.run(["tar", "--extract", f"--directory={directory}"], input=done.stdout, check=True)
        return directory


def _git(repository: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    # The repository may belong to another user than root, who runs the tests.
    command = ["git", "-c", f"safe.directory={repository}", "-C", str(repository), *words]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)


def released(changelog: str) -> list[Release]:
    """Return the releases in the text of CHANGELOG.md, the last one first."""
    return [Release(*found) for found in SECTION.findall(changelog)]


def known_to(kit: Path, inventory: dict[str, Any]) -> dict[str, Any]:
    """Return an inventory without the operator's variables that this version of the kit doesn't have yet."""
    files = (kit / "roles").glob("*/meta/argument_specs.yml")
    roles = (yaml.safe_load(path.read_text())["argument_specs"] for path in files)
    known = {name for role in roles for entry in role.values() for name in entry.get("options", {})}

    def keep(variables: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in variables.items() if name in known or name.startswith("ansible_")}

    filtered = json.loads(json.dumps(inventory))
    for group in filtered.values():
        group["vars"] = keep(group.get("vars", {}))
        group["hosts"] = {host: keep(variables) for host, variables in group.get("hosts", {}).items()}
    return filtered
