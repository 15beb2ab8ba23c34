"""Debian's packages are replaced with apt: an interrupted call is continued, and a failure is reported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from listkit.upgrade import packages
from listkit.upgrade.errors import UpgradeError


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A lock that another process holds."""
    path = tmp_path / "lock"
    program = (
        f"import fcntl, sys; file = open({str(path)!r}, 'w'); fcntl.lockf(file, fcntl.LOCK_EX); print(1, flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program + "; sys.stdin.read()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout and holder.stdout.readline()
        yield path
        assert holder.stdin
        holder.stdin.close()


def test_a_lock_of_another_program_is_seen_and_waited_for(locked: Path, tmp_path: Path):
    free = tmp_path / "free"
    free.touch()
    packages.wait_for_dpkg([free], 0)
    assert packages.is_locked(locked) and not packages.is_locked(free)
    with pytest.raises(UpgradeError, match="another program installs packages"):
        packages.wait_for_dpkg([free, locked], 0)


def test_a_failing_command_is_reported_with_the_end_of_its_output(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(packages, "LOG", tmp_path / "log")
    packages.run("sh", "-c", "echo earlier; echo $DEBIAN_FRONTEND")
    with pytest.raises(UpgradeError) as raised:
        packages.run("sh", "-c", "seq 100; echo the reason >&2; exit 3")
    lines = str(raised.value).splitlines()
    assert lines[-1] == "the reason" and len(lines) == 1 + packages.LOG_LINES and "earlier" not in lines
    assert "earlier\nnoninteractive\n" in (tmp_path / "log").read_text()


class Host:
    """The commands that are run on a host; those with the word `fails` fail."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.fails = ""

    def run(self, command: tuple[str, ...], **_options: object) -> subprocess.CompletedProcess[str]:
        """Do nothing, with the status of the command."""
        self.ran.append(" ".join(word for word in command if not word.startswith("--option")))
        return subprocess.CompletedProcess(command, int(self.fails in command))


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Host:
    made = Host()
    monkeypatch.setattr(packages, "LOG", tmp_path / "log")
    monkeypatch.setattr(packages, "wait_for_dpkg", lambda: None)
    monkeypatch.setattr(packages, "remove_index", lambda: made.ran.append("index"))
    monkeypatch.setattr(packages.sources, "switch", lambda: made.ran.append("sources"))
    monkeypatch.setattr(packages.subprocess, "run", made.run)
    return made


def test_mailmans_packages_go_before_the_others_are_replaced(host: Host):
    packages.replace()
    assert host.ran == [
        "sources",
        "dpkg --configure -a",
        "apt-get --yes --quiet update",
        "apt-get --yes --quiet --fix-broken install",
        "apt-get --yes --quiet remove mailman3 mailman3-web python3-mailman-hyperkitty",
        "index",
        "apt-get --yes --quiet upgrade --without-new-pkgs",
        "apt-get --yes --quiet full-upgrade",
    ]


def test_packages_that_lack_others_after_an_interruption_are_completed_by_apt(host: Host):
    host.fails = "dpkg"
    packages.replace()
    assert host.ran[-1].endswith("full-upgrade")
    host.fails = "--fix-broken"
    with pytest.raises(UpgradeError, match="--fix-broken install` failed"):
        packages.replace()
    assert host.ran[-1].endswith("--fix-broken install")
