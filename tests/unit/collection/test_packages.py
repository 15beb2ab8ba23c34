"""listkit.host.packages: apt runs only when something is missing, and waits for another apt."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path
from unittest.mock import Mock

import pytest
from ansible_collections.listkit.host.plugins.action import packages as action_packages
from ansible_collections.listkit.host.plugins.action.packages import (
    LOCKED,
    ActionModule,
    available_packages,
    missing_packages,
)

RECORDS = """\
bash installed
libssl3t64 installed
mailman3 config-files
postfix half-configured
publicsuffix installed
Package: libssl3t64
Architecture: amd64
Auto-Installed: 0

Package: publicsuffix
Architecture: amd64
Auto-Installed: 1
"""


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no-such", "dpkg doesn't know it"),
        ("mailman3", "it was removed"),
        ("postfix", "its installation was interrupted"),
        ("publicsuffix", "it is there for another package's sake and goes with that one"),
    ],
)
def test_what_is_missing(name, why):
    assert missing_packages(["bash", name], RECORDS) == [name], why


def test_what_is_installed_for_good_is_left():
    assert missing_packages(["bash", "libssl3t64"], RECORDS) == []


def packages(*names: str) -> list[dict]:
    return [
        {"name": "Install", "listkit.host.packages": {"name": list(names)}, "register": "out"},
        {"name": "Show", "ansible.builtin.debug": {"msg": "missing are {{ out.missing }}"}},
    ]


@pytest.fixture(scope="module")
def present() -> list[str]:
    """Packages that somebody asked for; essential ones are on many a fresh machine for other packages' sake."""
    return subprocess.run(["apt-mark", "showmanual"], capture_output=True, text=True, check=True).stdout.split()


def test_this_machine_has_what_somebody_asked_for(playbooks, present):
    run = playbooks.run(packages(*present[:2]), "-vvv")
    assert run.returncode == 0 and "missing are []" in run.output, run.output
    assert "apt.py" not in run.output


POLICY = """\
mailman3:
  Installed: (none)
  Candidate: {candidate}
  Version table:
     3.3.10-1 500
        500 http://deb.debian.org/debian trixie/main amd64 Packages
"""
ARCHIVES_LOCKED = {
    "failed": True,
    "msg": "'/usr/bin/apt-get install' failed: E: Could not get lock /var/cache/apt/archives/lock."
    " It is held by process 7 (unattended-upgr)",
}


class Host:
    """A host on which mailman3 is missing. apt answers with `results` in turn."""

    def __init__(self, *results: dict, policy: str = ""):
        self.results, self.policy = list(results), policy
        self.apt_calls: list[dict] = []

    def execute(self, command: str) -> dict:
        """Run a command."""
        return {"stdout": self.policy if "apt-cache" in command else RECORDS, "stderr": ""}

    def module(self, name: str, arguments: dict, **_more) -> dict:
        """Run a module."""
        assert name == "ansible.builtin.apt"
        self.apt_calls.append(arguments)
        return self.results.pop(0)


@pytest.fixture
def install(monkeypatch):
    """Run the action against a host; a test must not install anything on this machine."""
    monkeypatch.setattr(action_packages, "LOCK_POLL", 0)

    def run(host: Host) -> dict:
        task = Mock(args={"name": ["bash", "mailman3"]}, async_val=0, check_mode=False)
        action = ActionModule(task, *(Mock() for _ in range(5)))
        monkeypatch.setattr(action, "_low_level_execute_command", host.execute)
        monkeypatch.setattr(action, "_execute_module", host.module)
        return action.run()

    return run


def test_apt_gets_what_is_missing(install):
    host = Host({"changed": True})
    assert install(host) == {"changed": True, "missing": ["mailman3"]}
    assert host.apt_calls[0]["name"] == ["bash", "mailman3"]


@pytest.mark.parametrize(
    ("policy", "valid"),
    [
        (POLICY.format(candidate="3.3.10-1"), 3600),
        (POLICY.format(candidate="(none)"), 0),
        ("", 0),
    ],
)
def test_lists_without_the_package_are_fetched_whatever_their_age(install, policy, valid):
    host = Host({"changed": True}, policy=policy)
    install(host)
    assert host.apt_calls[0]["update_cache"] and host.apt_calls[0]["cache_valid_time"] == valid


def test_apts_own_policy_is_understood():
    policy = subprocess.run(
        ["env", "LC_ALL=C", "apt-cache", "policy", "dpkg", "no-such-package"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert available_packages(policy.stdout) == {"dpkg"}


def test_another_apt_is_waited_for(install):
    host = Host(ARCHIVES_LOCKED, ARCHIVES_LOCKED, {"changed": True})
    assert install(host)["changed"] and len(host.apt_calls) == 3


def test_waiting_ends(install, monkeypatch):
    monkeypatch.setattr(action_packages, "LOCK_TIMEOUT", 0)
    host = Host(ARCHIVES_LOCKED)
    assert install(host)["failed"] and len(host.apt_calls) == 1


def test_no_other_failure_is_tried_again(install):
    host = Host({"failed": True, "msg": "No package matching 'mailman3' is available"})
    assert install(host)["failed"] and len(host.apt_calls) == 1


def test_apts_own_message_about_a_lock_is_recognised(tmp_path: Path):
    (tmp_path / "partial").mkdir()
    with (tmp_path / "lock").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        refused = subprocess.run(
            ["apt-get", "-o", f"Dir::Cache::Archives={tmp_path}", "clean"], capture_output=True, text=True, check=False
        )
    assert refused.returncode and LOCKED.search(refused.stderr)[1] == str(tmp_path / "lock")


def test_check_mode_needs_no_lists_of_apt(playbooks, present):
    run = playbooks.run(packages(present[0], "no-such-package-anywhere"), "--check", "--diff", "-vvv")
    assert run.returncode == 0 and "changed=1" in run.output, run.output
    assert "missing are ['no-such-package-anywhere']" in run.output
    assert "Packages to install: no-such-package-anywhere" in run.output
    assert "apt.py" not in run.output
