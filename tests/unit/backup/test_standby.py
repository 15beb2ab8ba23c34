"""A host that stands by: systemd skips what would handle mail, changes are refused, and the checks don't miss it."""

from __future__ import annotations

from pathlib import Path

import pytest

from listkit.backup import standby, unfinished
from listkit.check import units


@pytest.fixture
def reloads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    made: list[tuple[str, ...]] = []
    monkeypatch.setattr(standby.subprocess, "run", lambda command, check: made.append(tuple(command)))
    return made


def test_systemd_skips_what_handles_mail_and_the_web_can_only_be_read(reloads: list, tmp_path: Path):
    marker, systemd = tmp_path / "standby", tmp_path / "systemd"
    systemd.mkdir()
    other = systemd / "listkit-bridge.service.d" / "operator.conf"
    other.parent.mkdir()
    other.touch()
    standby.begin(marker, systemd)
    standby.begin(marker, systemd)
    assert unfinished.standing_by(marker) and (tmp_path / "read-only").exists()
    skipped = {path.parent.name.removesuffix(".d") for path in systemd.glob(f"*/{standby.DROP_IN}")}
    assert {"listkit-bridge.service", "listkit-budget.service", "listkit-digests.timer"} <= skipped
    assert not skipped & {"mailman3.service", "mailman3-web.service", "postfix.service"}
    assert f"ConditionPathExists=!{marker}" in (other.parent / standby.DROP_IN).read_text()

    standby.end(marker, systemd)
    standby.end(marker, systemd)
    assert not unfinished.standing_by(marker) and not (tmp_path / "read-only").exists()
    assert sorted(systemd.rglob("*")) == [other.parent, other]
    assert reloads == [("systemctl", "daemon-reload")] * 3


def test_the_checks_do_not_miss_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(units, "output", lambda *words: pytest.fail(f"looked at {words[-1]}"))
    monkeypatch.setattr(units.unfinished, "standing_by", lambda: True)
    assert list(units.check_units(["listkit-bridge.service", "listkit-digests.timer"])) == []
