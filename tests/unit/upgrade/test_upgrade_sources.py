"""apt's sources: those that aren't Debian's are found, and the others become the next release's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from listkit.upgrade import sources

POLICY = """\
Package files:
 100 /var/lib/dpkg/status
     release a=now
 500 http://security.debian.org/debian-security bookworm-security/main amd64 Packages
     release v=12,o=Debian,a=oldstable-security,n=bookworm-security,l=Debian-Security,c=main,b=amd64
     origin security.debian.org
 500 http://mirror.example.org/debian bookworm/main amd64 Packages
     release v=12.14,o=Debian,a=oldstable,n=bookworm,l=Debian,c=main,b=amd64
     origin mirror.example.org
Pinned packages:
"""
DOCKER = """\
 500 https://download.example.com/linux/debian bookworm/stable amd64 Packages
     release o=Docker,a=bookworm,l=Docker CE,c=stable,b=amd64
     origin download.example.com
"""
BACKPORTS = """\
 100 http://deb.debian.org/debian bookworm-backports/main amd64 Packages
     release o=Debian Backports,a=oldstable-backports,n=bookworm-backports,l=Debian Backports,c=main,b=amd64
     origin deb.debian.org
"""
TESTING = """\
 500 http://deb.debian.org/debian trixie/main amd64 Packages
     release v=13.1,o=Debian,a=stable,n=trixie,l=Debian,c=main,b=amd64
     origin deb.debian.org
"""
CLOUD = """\
 500 mirror+file:/etc/apt/mirrors/debian.list bookworm/main amd64 Packages
     release v=12.14,o=Debian,a=oldstable,n=bookworm,l=Debian,c=main,b=amd64
"""
PACKAGES = "Package: example\nVersion: 1\nArchitecture: all\nFilename: ./example.deb\nSize: 1\n\n"


@pytest.mark.parametrize("policy", [POLICY, POLICY + CLOUD], ids=["hosts", "cloud image"])
def test_debians_own_sources_are_none_of_others(policy: str):
    assert sources.foreign(policy) == []


@pytest.mark.parametrize(
    ("added", "shown"),
    [
        (DOCKER, "download.example.com (Docker, without a name)"),
        (BACKPORTS, "deb.debian.org (Debian Backports, bookworm-backports)"),
        (TESTING, "deb.debian.org (Debian, trixie)"),
    ],
    ids=["third party", "backports", "another release"],
)
def test_a_source_that_the_next_release_does_not_replace_is_found_once(added: str, shown: str):
    assert [str(source) for source in sources.foreign(POLICY + added + added)] == [shown]


def test_local_sources_with_and_without_a_release_file_are_found(tmp_path: Path):
    lines = [f"deb [trusted=yes] file:{source(tmp_path / name)} ./" for name in ("bare", "released")]
    (tmp_path / "released" / "Release").write_text("Origin: Example\nDate: Thu, 01 Jan 2026 00:00:00 UTC\n")
    for directory in ("etc", "state/lists/partial", "cache/archives/partial"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "etc" / "sources.list").write_text("\n".join([*lines, ""]))
    (tmp_path / "state" / "status").touch()
    apt_run(tmp_path, "apt-get", "update")
    policy = apt_run(tmp_path, "apt-cache", "policy")
    assert sorted(map(str, sources.foreign(policy))) == [
        f"file:{tmp_path}/bare (without an origin, without a name)",
        f"file:{tmp_path}/released (Example, without a name)",
    ]


def source(directory: Path) -> Path:
    """Make a local source with one package."""
    directory.mkdir()
    (directory / "Packages").write_text(PACKAGES)
    return directory


def apt_run(root: Path, program: str, *words: str) -> str:
    """Run a program of apt's with directories of its own; return what it printed."""
    options = {
        "Dir::Etc": root / "etc",
        "Dir::State": root / "state",
        "Dir::State::status": root / "state" / "status",
        "Dir::Cache": root / "cache",
        "APT::Sandbox::User": "root",  # the user _apt can't read a test's directories
        "APT::Get::List-Cleanup": "0",
    }
    argv = [program, *(f"--option={name}={value}" for name, value in options.items()), *words]
    return subprocess.run(
        argv, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"}, check=True
    ).stdout


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "deb http://deb.debian.org/debian bookworm main contrib",
            "deb http://deb.debian.org/debian trixie main contrib",
        ),
        (
            "deb [arch=amd64 signed-by=/k.gpg] http://mirror/bookworm/debian bookworm-updates main\n",
            "deb [arch=amd64 signed-by=/k.gpg] http://mirror/bookworm/debian trixie-updates main\n",
        ),
        ("deb-src http://d/ bookworm/updates main", "deb-src http://d/ trixie/updates main"),
        ("# deb http://d/ bookworm main", "# deb http://d/ bookworm main"),
        (
            "Types: deb\nURIs: mirror+file:///etc/apt/mirrors/bookworm.list\nSuites: bookworm bookworm-updates\n"
            " bookworm-security\nComponents: main\n\nTypes: deb\nSuites: bookworm-security\n",
            "Types: deb\nURIs: mirror+file:///etc/apt/mirrors/bookworm.list\nSuites: trixie trixie-updates\n"
            " trixie-security\nComponents: main\n\nTypes: deb\nSuites: trixie-security\n",
        ),
    ],
    ids=["line", "options", "slash", "comment", "stanzas"],
)
def test_only_the_suites_are_renamed(before: str, after: str):
    assert sources.renamed(before) == after
    assert sources.renamed(after) == after


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    """The directory of a host with both forms of sources, and a file that apt doesn't read."""
    parts = tmp_path / "apt" / "sources.list.d"
    parts.mkdir(parents=True)
    (tmp_path / "apt" / "sources.list").write_text("deb http://d/ bookworm main\n")
    (parts / "security.sources").write_text("Suites: bookworm-security\n")
    (parts / "old.list.save").write_text("deb http://d/ bookworm main\n")
    return tmp_path / "apt"


def test_the_host_uses_the_next_release_after_the_switch(apt: Path):
    sources.switch(apt)
    sources.switch(apt)
    assert (apt / "sources.list").read_text() == "deb http://d/ trixie main\n"
    assert (apt / "sources.list.d" / "security.sources").read_text() == "Suites: trixie-security\n"
    assert "bookworm" in (apt / "sources.list.d" / "old.list.save").read_text()


def test_the_next_releases_sources_are_written_elsewhere_without_changing_the_hosts(apt: Path, tmp_path: Path):
    sources.write_next(tmp_path / "next", apt)
    assert (tmp_path / "next" / "sources.list").read_text() == "deb http://d/ trixie main\n"
    assert (tmp_path / "next" / "sources.list.d" / "security.sources").read_text() == "Suites: trixie-security\n"
    assert (apt / "sources.list").read_text() == "deb http://d/ bookworm main\n"
