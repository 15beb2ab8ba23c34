"""listkit.host.systemd_units: what is done to which unit, from what systemd says."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from ansible_collections.listkit.host.plugins.modules import systemd_units
from ansible_collections.listkit.host.plugins.modules.systemd_units import Failure, Unit, converge

LONG_AGO_MICROSECONDS = "1"
RUNNING = {"LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled"}
STOPPED = {"LoadState": "loaded", "ActiveState": "inactive", "UnitFileState": "disabled"}
MISSING = {"LoadState": "not-found", "ActiveState": "inactive"}


class FakeSystemd:
    """Remembers what it was told, and follows."""

    def __init__(self, **states):
        self.states = {f"{name}.service": dict(state) for name, state in states.items()}
        self.calls: list[str] = []

    def show(self, names):
        return {name: Unit(name, self.states.get(name, MISSING)) for name in names}

    def call(self, verb, names):
        if names:
            self.calls.append(f"{verb} {' '.join(names)}")

    def daemon_reload(self):
        self.calls.append("daemon-reload")

    def require_running(self, names):
        self.calls.append(f"require {' '.join(names)}")


def run(systemd, check=False, **params):
    lists = {option: [f"{name}.service" for name in params.get(option, [])] for option in systemd_units.UNITS_OPTIONS}
    module = SimpleNamespace(
        check_mode=check, params={**lists, "watch": params.get("watch", {}), "changed": params.get("changed", [])}
    )
    return converge(module, systemd)


def test_enables_and_starts_in_one_call_each():
    systemd = FakeSystemd(a=STOPPED, b=STOPPED)
    result = run(systemd, enabled=["a", "b"])
    assert systemd.calls == [
        "enable a.service b.service",
        "reset-failed a.service b.service",
        "start a.service b.service",
        "require a.service b.service",
    ]
    assert result["changed"] and result["started"] == ["a.service", "b.service"]
    assert result["diff"]["prepared"] == "a.service: enable, start\nb.service: enable, start\n"


def test_what_is_right_is_left():
    systemd = FakeSystemd(a=RUNNING, b=STOPPED)
    assert not run(systemd, enabled=["a"], disabled=["b", "never_installed"])["changed"]
    assert systemd.calls == []


def test_check_mode_calls_nothing_and_takes_a_missing_unit_for_a_new_one():
    systemd = FakeSystemd()
    result = run(systemd, check=True, enabled=["new"])
    assert result["changed"] and result["started"] == ["new.service"]
    assert systemd.calls == []


def test_a_unit_that_does_not_exist_is_named():
    with pytest.raises(Failure, match=r"there is no unit gone\.service"):
        run(FakeSystemd(), enabled=["gone"])


def test_changed_unit_file_reloads_systemd_first():
    systemd = FakeSystemd(a={**RUNNING, "NeedDaemonReload": "yes"})
    run(systemd, enabled=["a"])
    assert systemd.calls == ["daemon-reload"]


def test_changed_service_behind_a_timer_reloads_systemd():
    systemd = FakeSystemd(a={**STOPPED, "NeedDaemonReload": "yes"})
    systemd.states["a.timer"] = {**RUNNING, "Triggers": "a.service"}
    module = SimpleNamespace(
        check_mode=False,
        params={
            **{option: [] for option in systemd_units.UNITS_OPTIONS},
            "watch": {},
            "changed": [],
            "enabled": ["a.timer"],
        },
    )
    assert not converge(module, systemd)["changed"]
    assert systemd.calls == ["daemon-reload"]


def test_restart_does_not_follow_a_start():
    systemd = FakeSystemd(a=STOPPED, b=RUNNING)
    result = run(systemd, enabled=["a", "b"], restarted=["a", "b"])
    assert (result["started"], result["restarted"]) == (["a.service"], ["b.service"])


def test_failed_unit_is_started_again():
    systemd = FakeSystemd(a={**RUNNING, "ActiveState": "failed"})
    assert run(systemd, enabled=["a"])["started"] == ["a.service"]


def test_a_failed_unit_whose_files_are_watched_is_started():
    """On Debian 12, postfix.service is active even when its instance has failed."""
    failed = {**STOPPED, "ActiveState": "failed"}
    watch = {"instance.service": ["/etc/a/*"], "operators.service": [], "resting.service": ["/etc/b"]}
    systemd = FakeSystemd(postfix=RUNNING, instance=failed, operators=failed, resting=STOPPED)
    assert run(systemd, enabled=["postfix"], watch=watch)["started"] == ["instance.service"]
    assert systemd.calls == ["reset-failed instance.service", "start instance.service", "require instance.service"]
    assert run(systemd, disabled=["instance"], watch=watch)["started"] == []


def test_disabled_stops_and_disables():
    systemd = FakeSystemd(a=RUNNING)
    run(systemd, disabled=["a"], restarted=["a"])
    assert systemd.calls[:2] == ["stop a.service", "disable a.service"]
    assert not any(call.startswith("restart") for call in systemd.calls)


def test_the_failure_of_what_a_disabled_unit_triggered_is_forgotten():
    """Nothing would start it again, and the checks would report it from then on."""
    failed = {**STOPPED, "ActiveState": "failed"}
    sync = {**RUNNING, "Triggers": "weekly.service"}
    systemd = FakeSystemd(timer=sync, weekly=failed, other=failed)
    assert run(systemd, check=True, disabled=["timer"])["changed"] and systemd.calls == []
    run(systemd, disabled=["timer"])
    assert systemd.calls[:3] == ["stop timer.service", "disable timer.service", "reset-failed weekly.service"]
    stopped = FakeSystemd(timer={**STOPPED, "Triggers": "weekly.service"}, weekly=failed)
    assert run(stopped, disabled=["timer"])["diff"]["prepared"] == "weekly.service: forget\n"
    assert not run(FakeSystemd(timer={**STOPPED, "Triggers": "weekly.service"}, weekly=STOPPED), disabled=["timer"])[
        "changed"
    ]


def test_static_units_need_no_enabling():
    assert not run(FakeSystemd(a={**RUNNING, "UnitFileState": "static"}), enabled=["a"])["changed"]


def test_restart_when_a_watched_file_is_newer_than_the_unit(tmp_path):
    (tmp_path / "new.conf").write_text("x")
    watch = {"a.service": [f"{tmp_path}/*.conf"]}
    old = {**RUNNING, "InactiveExitTimestampMonotonic": LONG_AGO_MICROSECONDS}
    assert run(FakeSystemd(a=old), watch=watch)["restarted"] == ["a.service"]
    young = {**RUNNING, "InactiveExitTimestampMonotonic": str(int(time.monotonic() * 1e6 + 60e6))}
    assert run(FakeSystemd(a=young), watch=watch)["restarted"] == []
    assert run(FakeSystemd(a={**STOPPED}), watch=watch)["restarted"] == [], "watching starts nothing"


def test_check_mode_foresees_the_restart(tmp_path):
    young = {**RUNNING, "InactiveExitTimestampMonotonic": str(int(time.monotonic() * 1e6 + 60e6))}
    systemd = FakeSystemd(a=young)
    result = run(systemd, check=True, watch={"a.service": ["/etc/a/*"]}, changed=["/etc/a/x", "/etc/b"])
    assert result["restarted"] == ["a.service"] and systemd.calls == []


def test_failure_shows_the_journal():
    answers = {
        "start": (1, "", "Job failed."),
        "show": (0, "LoadState=loaded\nActiveState=failed\n", ""),
        "journalctl": (0, "the reason\n", ""),
    }

    def run_command(argv):
        return next(answer for word, answer in answers.items() if word in argv)

    systemd = systemd_units.Systemd(SimpleNamespace(run_command=run_command, params={"timeout": 5}))
    with pytest.raises(Failure) as error:
        systemd.call("start", ["a.service"])
    assert str(error.value) == "systemctl start a.service failed: Job failed.\n\na.service:\nthe reason"
