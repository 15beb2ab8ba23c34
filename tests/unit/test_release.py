"""CHANGELOG.md names the commit of each release, and a test can have its files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from e2e.release import CHANGELOG, KIT, Release, ReleaseError, known_to, released
from listkit import __version__

ROOT = CHANGELOG.parent


def git(repository: Path, *words: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    done = subprocess.run(["git", *identity, "-C", str(repository), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the kit's files in two commits."""
    path = tmp_path / "repository"
    path.mkdir()
    git(path, "init", "--quiet")
    for version in ("1", "2"):
        for name in KIT:
            folder = path / name
            (folder if folder.suffix else folder / "file").parent.mkdir(exist_ok=True)
            (folder if folder.suffix else folder / "file").write_text(version)
        git(path, "add", ".")
        git(path, "commit", "--quiet", "--message", version)
    return path


def test_the_first_section_is_this_version_and_each_release_names_its_commit():
    sections = re.findall(r"^## (\S+)(.*)$", CHANGELOG.read_text(), re.MULTILINE)
    assert sections[0][0] == __version__
    versions = [release.version for release in released(CHANGELOG.read_text())]
    assert versions == [version for version, note in sections if note != " (not released yet)"]
    assert versions and [note for _version, note in sections[1:] if note] == []


def test_a_shallow_clone_fetches_the_release(repository: Path, tmp_path: Path):
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repository}", str(clone))
    release = Release("0.1.0", git(repository, "rev-parse", "HEAD~1"))
    (tmp_path / "release").mkdir()
    unpacked = release.unpack(tmp_path / "release", clone)
    assert (unpacked / "playbook.yml").read_text() == "1"
    assert sorted(path.name for path in unpacked.iterdir()) == sorted(KIT)


def test_a_commit_that_is_nowhere_is_an_error_with_the_remedy(repository: Path, tmp_path: Path):
    with pytest.raises(ReleaseError, match=r"names 0{40} as version 0\.1\.0, .*`git fetch --unshallow`"):
        Release("0.1.0", "0" * 40).unpack(tmp_path / "release", repository)


def test_an_inventory_keeps_the_variables_that_the_version_has():
    host = {"ansible_host": "192.0.2.1", "fqdn": "lists.example.org", "added_later": 1}
    inventory = {"all": {"vars": {"mail_password": "x", "added_later": 2}}, "mailman": {"hosts": {"a": host}}}
    filtered = known_to(ROOT, inventory)
    assert filtered["all"]["vars"] == {"mail_password": "x"}
    assert filtered["mailman"]["hosts"] == {"a": {"ansible_host": "192.0.2.1", "fqdn": "lists.example.org"}}
