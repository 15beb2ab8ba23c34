"""After an update, the site's services that run replaced files are restarted, and no others."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from listkit import restart

OUTDATED = ["cron.service", "nginx.service", "postfix@-.service", "postgresql@15-main.service", "ssh.service"]
ROLES = {
    "web": ["nginx.service", "mailman3-web.service"],
    "relay": ["postfix.service"],
    "database": ["postgresql.service"],
}


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that were run on a host with these roles."""
    commands: list[str] = []
    for role, units in ROLES.items():
        (tmp_path / f"{role}.json").write_text(json.dumps({"units": units}))
    (tmp_path / "bridge.json").write_text("{}")

    def run(command: list[str], **_options: object) -> SimpleNamespace:
        commands.append(" ".join(command))
        return SimpleNamespace(returncode=5 if "postfix@-.service" in command else 0)

    monkeypatch.setattr(restart, "SETTINGS", tmp_path)
    monkeypatch.setattr(restart.subprocess, "run", run)
    return commands


def outdated(monkeypatch: pytest.MonkeyPatch, *services: str) -> None:
    monkeypatch.setattr(restart, "services_with_replaced_files", lambda: list(services))


def test_the_sites_services_and_sshd_restart_in_one_call(ran, monkeypatch, capsys):
    outdated(monkeypatch, *(unit for unit in OUTDATED if unit != "postfix@-.service"))
    assert restart.main([]) == 0
    assert ran == ["systemctl restart nginx.service postgresql@15-main.service ssh.service"]
    assert "left as they are: cron.service\n" in capsys.readouterr().out


def test_nothing_restarts_without_a_reason(ran, monkeypatch, capsys):
    outdated(monkeypatch, "cron.service")
    assert restart.main([]) == 0
    assert ran == []
    assert "restarted: none" in capsys.readouterr().out


def test_a_service_that_does_not_start_is_a_failure(ran, monkeypatch):
    outdated(monkeypatch, *OUTDATED)
    assert restart.main([]) == 1
