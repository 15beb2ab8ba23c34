#!/usr/bin/env python3
"""Run `ansible-test sanity` on every collection that can be published, as it is published: built and installed.

usage: sanity.py

Checks that need a program this machine lacks (PowerShell, shellcheck) are left out by ansible-test itself.
The first run installs the checkers from PyPI into the directory $CHECKERS; later runs need no network.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

from ansible_test._internal.python_requirements import get_venv_packages

KIT = Path(__file__).resolve().parent.parent
COLLECTIONS = KIT / "collections" / "ansible_collections" / "listkit"
PROGRAMS = Path(sys.executable).parent
CHECKERS = Path(os.environ.get("CHECKERS") or KIT / ".cache" / "checkers")
# Stands in for the get-pip.py that ansible-test would download: Python brings a pip along.
GET_PIP = """\
import ensurepip

ensurepip.bootstrap(default_pip=True)
"""


def publishable() -> list[Path]:
    """Return the directories of the collections that can be published."""
    return sorted(file.parent for file in COLLECTIONS.glob("*/galaxy.yml"))


def install(collection: Path, target: Path) -> Path:
    """Build `collection`, install it below `target` without asking a server, and return where it is."""
    galaxy = [str(PROGRAMS / "ansible-galaxy"), "collection"]
    tarballs = target / "tarballs" / collection.name
    run([*galaxy, "build", "--output-path", str(tarballs), str(collection)], target)
    (tarball,) = tarballs.glob("*.tar.gz")
    run([*galaxy, "install", "--offline", "--collections-path", str(target), str(tarball)], target)
    return target / "ansible_collections" / collection.parent.name / collection.name


def run(command: list[str], folder: Path) -> None:
    """Run `command` in `folder`; when it fails, print what it said and end with its status."""
    environment = {
        # ansible-test keeps the checkers in the home directory of whoever runs it, under a hash of their versions.
        "HOME": str(CHECKERS),
        # Without pyenv's shims, which offer Pythons that aren't installed.
        "PATH": f"{PROGRAMS}:/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        **{name: value for name, value in os.environ.items() if name.startswith("PIP_")},
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        raise SystemExit(done.returncode)


def provide_pip() -> None:
    """Put the stand-in where ansible-test looks for its download."""
    version = get_venv_packages(SimpleNamespace(version=f"{sys.version_info.major}.{sys.version_info.minor}"))["pip"]
    script = CHECKERS / ".ansible" / "test" / "cache" / f"get_pip_{version.replace('.', '_')}.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(GET_PIP)


def main() -> int:
    """Check all publishable collections; the checkers are installed once, before the collections run side by side."""
    provide_pip()
    sanity = [str(PROGRAMS / "ansible-test"), "sanity", "--local", "--color", "no"]
    with tempfile.TemporaryDirectory(prefix="sanity-") as scratch:
        installed = [install(collection, Path(scratch)) for collection in publishable()]
        run([*sanity, "--prime-venvs"], installed[0])
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda collection: run(sanity, collection), installed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
