"""listkit.host.packages: apt is asked only when something is missing."""

from __future__ import annotations

import subprocess
from unittest.mock import Mock

import pytest
from ansible_collections.listkit.host.plugins.action.packages import ActionModule, missing_packages

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


@pytest.fixture
def present() -> list[str]:
    """Packages that somebody asked for; essential ones are on many a fresh machine for other packages' sake."""
    return subprocess.run(["apt-mark", "showmanual"], capture_output=True, text=True, check=True).stdout.split()


def test_this_machine_has_what_somebody_asked_for(playbooks, present):
    run = playbooks.run(packages(*present[:2]), "-vvv")
    assert run.returncode == 0 and "missing are []" in run.output, run.output
    assert "apt.py" not in run.output


def test_apt_gets_what_is_missing(monkeypatch):
    # Not on this machine: a test changes nothing there.
    asked = []
    task = Mock(args={"name": ["bash", "mailman3"]}, async_val=0, check_mode=False)
    action = ActionModule(task, *(Mock() for _ in range(5)))
    monkeypatch.setattr(action, "_low_level_execute_command", lambda command: {"stdout": RECORDS, "stderr": ""})
    monkeypatch.setattr(action, "_execute_module", lambda *call, **_: asked.append(call) or {"changed": True})
    assert action.run() == {"changed": True, "missing": ["mailman3"]}
    ((module, arguments),) = asked
    assert module == "ansible.builtin.apt" and arguments["name"] == ["bash", "mailman3"]


def test_check_mode_needs_no_lists_of_apt(playbooks, present):
    run = playbooks.run(packages(present[0], "no-such-package-anywhere"), "--check", "--diff", "-vvv")
    assert run.returncode == 0 and "changed=1" in run.output, run.output
    assert "missing are ['no-such-package-anywhere']" in run.output
    assert "Packages to install: no-such-package-anywhere" in run.output
    assert "apt.py" not in run.output
