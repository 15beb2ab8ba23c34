"""The final backup of a host: everything stops before it, it is made once, and the way back stays open."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from listkit.backup import final, pause, waiting
from listkit.backup.errors import BackupError
from listkit.check.components import backup as check

ROOT = Path(__file__).resolve().parents[3]


class Host:
    """A host's units and commands, and a repository."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "state" / "final.json"
        self.aside = directory / "set-aside"
        self.absent, self.failing = {"listkit-backup-drill.timer"}, ""
        self.disabled = {"listkit-members@weekly.timer"}
        self.running = True
        self.ran: list[str] = []
        self.backups = 0
        self.answers = True

    def run(self, command: tuple[str, ...], **_options: object) -> SimpleNamespace:
        line = " ".join(command)
        if command[:3] == ("systemctl", "show", "-P"):
            found = {
                "LoadState": "not-found" if command[-1] in self.absent else "loaded",
                "UnitFileState": "disabled" if command[-1] in self.disabled or not self.running else "enabled",
            }
            return SimpleNamespace(returncode=0, stdout=found[command[3]] + "\n")
        self.ran.append(line)
        if self.failing and self.failing in line:
            return SimpleNamespace(returncode=1, stdout="", stderr="it refuses\n")
        self.running = self.running and "disable" not in line
        return SimpleNamespace(returncode=0, stdout="", stderr="")

    def back_up(self, _configuration: object, _repository: object) -> SimpleNamespace:
        assert not self.running
        self.backups += 1
        return SimpleNamespace(snapshot=f"backup{self.backups}")

    def snapshots(self) -> list[str]:
        if not self.answers:
            raise BackupError("the storage does not answer")
        return []

    def retire(self) -> str:
        return final.make(None, self, self.path, self.aside)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path)
    monkeypatch.setattr(final.subprocess, "run", made.run)
    monkeypatch.setattr(final, "back_up", made.back_up)
    monkeypatch.setattr(final, "_wait_for_jobs", lambda _configuration: None)
    monkeypatch.setattr(pause, "control_groups", lambda _units: ["/mailman3"] if made.running else [])
    return made


def test_everything_stops_before_the_backup(host: Host):
    assert host.retire() == "backup1"
    disable, hold = host.ran
    assert disable.startswith("systemctl disable --now ") and hold == "postsuper -h ALL"
    assert set(disable.split()[3:]) == set(final.UNITS) - host.absent
    assert final.snapshot(host.path) == "backup1"


def test_it_is_made_once(host: Host):
    assert host.retire() == host.retire() == "backup1"
    assert host.backups == 1


def test_it_is_made_again_if_mail_has_flowed_since(host: Host):
    host.retire()
    host.running = True
    assert host.retire() == "backup2"


def test_nothing_stops_while_the_storage_does_not_answer(host: Host):
    host.answers = False
    with pytest.raises(BackupError, match="does not answer"):
        host.retire()
    assert host.running and not host.ran and final.snapshot(host.path) is None


def test_nothing_stops_while_mail_is_set_aside_that_the_backup_would_lack(host: Host):
    message = host.aside / "backup0" / "var/spool/postfix/hold/4XYZ"
    message.parent.mkdir(parents=True)
    message.touch()
    with pytest.raises(BackupError, match=r"1 messages are set aside .*`listkit backup release` sends them"):
        host.retire()
    assert host.running and not host.ran and final.snapshot(host.path) is None


@pytest.mark.parametrize("command", ["systemctl disable", "postsuper"])
def test_an_interrupted_one_continues(host: Host, command: str):
    host.failing = command
    with pytest.raises(BackupError, match="it refuses"):
        host.retire()
    # This host is marked, so that nothing starts it.
    assert final.snapshot(host.path) == ""
    host.failing = ""
    assert host.retire() == "backup1"


def test_people_can_only_read_until_the_host_is_reopened(host: Host, tmp_path: Path):
    host.retire()
    assert final.WEB not in host.ran[0] and (tmp_path / "read-only").exists()
    final.reopen(host.path)
    assert not (tmp_path / "read-only").exists()


@pytest.mark.parametrize("interrupted", [False, True])
def test_the_way_back_starts_what_ran_before(host: Host, interrupted: bool):
    if interrupted:
        host.failing = "postsuper"
        with pytest.raises(BackupError, match="it refuses"):
            host.retire()
        host.failing = ""
    host.retire()
    with pytest.raises(BackupError, match="this host is retired"):
        final.start(host.path)
    final.reopen(host.path)
    host.ran.clear()
    final.start(host.path)
    final.start(host.path)
    (started,) = host.ran
    assert started.startswith("systemctl enable --now ")
    assert set(started.split()[3:]) == {final.WEB, *final.UNITS} - host.absent - host.disabled


@pytest.mark.parametrize(("counts", "seconds"), [([2, 1, 0], 1.0), ([1] * 100, final.JOBS_SECONDS)])
def test_jobs_of_the_web_interface_end_or_are_left_to_the_other_host(
    monkeypatch: pytest.MonkeyPatch, counts: list[int], seconds: float
):
    waited: list[float] = []
    left = iter(counts)
    session = SimpleNamespace(value=lambda query: str(next(left)))
    monkeypatch.setattr(final, "Session", lambda _database: nullcontext(session))
    monkeypatch.setattr(final, "time", SimpleNamespace(monotonic=lambda: sum(waited), sleep=waited.append))
    final._wait_for_jobs(SimpleNamespace(web=None))
    assert sum(waited) == seconds


def test_reopening_forgets_it(host: Host):
    host.retire()
    final.reopen(host.path)
    final.reopen(host.path)
    assert final.snapshot(host.path) is None


def test_mail_that_another_host_has_sent_is_set_aside(host: Host, tmp_path: Path):
    waits = tmp_path / "var/spool/postfix/hold/4XYZ", tmp_path / "var/lib/mailman3/queue/out/1.pck"
    for path in waits:
        path.parent.mkdir(parents=True)
        path.touch()
    with pytest.raises(BackupError, match="no final backup"):
        final.set_aside(host.path, host.aside, tmp_path)
    host.retire()
    host.running = True
    with pytest.raises(BackupError, match="handles mail on this host"):
        final.set_aside(host.path, host.aside, tmp_path)
    assert all(path.exists() for path in waits)
    host.running = False
    assert final.set_aside(host.path, host.aside, tmp_path) == waiting.count(host.aside / "backup1") == 2
    assert not any(path.exists() for path in waits)


@pytest.mark.parametrize("text", ["", "{}", "[]", "1"])
def test_a_damaged_record_is_an_error(host: Host, text: str):
    host.path.parent.mkdir()
    host.path.write_text(text)
    with pytest.raises(BackupError, match="is damaged"):
        host.retire()
    assert host.running


def test_the_check_says_that_the_site_has_moved(host: Host, tmp_path: Path):
    host.retire()
    (finding,) = check.check_restore(tmp_path / "none", tmp_path / "none", host.path)
    assert finding.status == "critical" and "move to another host" in finding.seen
    assert "docs/runbooks/move.md" in finding.remedy


def test_every_timer_of_the_kit_stops():
    declared = {
        unit
        for path in (ROOT / "roles").glob("*/vars/main.yml")
        for unit in re.findall(r"listkit-[\w@-]+\.timer", path.read_text())
    }
    assert declared and declared <= set(final.UNITS)


def test_the_record_is_json(host: Host):
    host.retire()
    assert json.loads(host.path.read_text())["snapshot"] == "backup1"
