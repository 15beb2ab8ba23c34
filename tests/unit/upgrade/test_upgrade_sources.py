"""apt's sources: those that aren't Debian's are found, and the others become the next release's."""

from __future__ import annotations

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


def test_debians_own_sources_are_none_of_others():
    assert sources.foreign(POLICY) == []


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
