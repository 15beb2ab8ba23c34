"""Mail stops before the packages are replaced, and no job waits that the next release can't read."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from listkit.upgrade import services
from listkit.upgrade.errors import UpgradeError


class Host:
    """A host's units, and the jobs that wait each time somebody asks."""

    def __init__(self) -> None:
        self.absent = {"listkit-canary.timer"}
        self.ran: list[str] = []
        self.jobs: Iterator[int] = iter(())

    def run(self, command: list[str], **_options: object) -> SimpleNamespace:
        """Do what systemctl does."""
        if command[1] == "show":
            state = "not-found" if command[-1] in self.absent else "loaded"
            return SimpleNamespace(returncode=0, stdout=f"{state}\n")
        self.ran.append(" ".join(command))
        return SimpleNamespace(returncode=0, stdout="", stderr="")

    def run_as_web_user(self, command: str) -> str:
        assert command == "count-jobs"
        return f"{next(self.jobs)}\n"


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host()
    monkeypatch.setattr(services.subprocess, "run", made.run)
    monkeypatch.setattr(services, "run_as_web_user", made.run_as_web_user)
    monkeypatch.setattr(services.time, "sleep", lambda _seconds: None)
    return made


def test_everything_stops_when_the_jobs_are_done(host: Host):
    host.jobs = iter((30, 2, 0, 0))
    services.stop(drain=True)
    first, second = host.ran
    assert first == "systemctl stop listkit-bridge.service"
    assert second.startswith("systemctl disable --now ") and "listkit-canary.timer" not in second
    for unit in ("listkit-bridge.service", "mailman3.service", "mailman3-web.service", "postfix.service"):
        assert unit in second.split()


def test_a_job_that_came_too_late_is_no_success(host: Host):
    host.jobs = iter((0, 1))
    with pytest.raises(UpgradeError, match="1 jobs of the web interface came"):
        services.stop(drain=True)


def test_only_the_bridge_stops_while_jobs_never_end(host: Host, monkeypatch):
    host.jobs = iter(lambda: 5, None)
    monkeypatch.setattr(services, "JOB_SECONDS", -1)
    with pytest.raises(UpgradeError, match="5 jobs of the web interface still wait"):
        services.stop(drain=True)
    assert host.ran == ["systemctl stop listkit-bridge.service"]


def test_the_next_release_has_no_jobs_to_wait_for(host: Host):
    services.stop(drain=False)
    assert len(host.ran) == 1
