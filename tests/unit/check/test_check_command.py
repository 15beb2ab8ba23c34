"""The command: which checks run, what it prints, and its exit status."""

import json
import re
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from listkit.check import cli, finding, runner
from listkit.check.components import MODULES
from listkit.check.finding import Check, Finding, Status

ROLES = Path(__file__).resolve().parents[3] / "roles"
OK = Finding.ok("a", "fine")
WARNING = Finding.warning("b", "soon", "`do b`")
CRITICAL = Finding.critical("c", "broken", "`do c`")
UNKNOWN = Finding.unknown("d", "hidden", "`do d`")


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """The directory of the settings, empty at first."""
    directory = tmp_path / "check.d"
    directory.mkdir()
    monkeypatch.setattr(runner, "DIRECTORY", directory)
    monkeypatch.setattr(runner, "EVERYWHERE", frozenset())
    return directory


@pytest.fixture
def looks(monkeypatch, settings):
    """Give the findings of a run."""
    (settings / "spare.json").write_text("{}")
    return lambda findings: monkeypatch.setattr(cli.runner, "run", lambda _selected, _wait: findings)


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        ([], 0),
        ([OK], 0),
        ([OK, WARNING], 1),
        ([OK, UNKNOWN], 3),
        ([UNKNOWN, WARNING], 1),
        ([WARNING, CRITICAL, UNKNOWN], 2),
    ],
)
def test_the_exit_status_is_that_of_monitoring_plugins(looks, findings, status):
    looks([("core", one) for one in findings])
    assert cli.main([]) == status


def test_the_first_line_sums_up_and_each_failure_has_its_remedy(looks, capsys):
    looks([("core", OK), ("relay", CRITICAL), ("web", WARNING)])
    cli.main([])
    assert capsys.readouterr().out.splitlines() == [
        "CRITICAL: 1 critical, 1 warning, 1 ok",
        "ok        core         a: fine",
        "CRITICAL  relay        c: broken",
        "                       → `do c`",
        "WARNING   web          b: soon",
        "                       → `do b`",
    ]


def test_json_has_the_component_with_every_finding(looks, capsys):
    looks([("relay", CRITICAL)])
    assert cli.main(["--json"]) == 2
    assert json.loads(capsys.readouterr().out) == [
        {"component": "relay", "name": "c", "status": "critical", "seen": "broken", "remedy": "`do c`", "figures": {}}
    ]


class TestWaiting:
    @pytest.fixture(autouse=True)
    def soon(self, monkeypatch):
        monkeypatch.setattr(runner, "RETRY_SECONDS", 0.001)

    def run(self, *checks, wait):
        """Run checks, each with its findings in turn, the last of which stays; return the statuses and the looks."""
        looks = []

        def look(name, prepared):
            looks.append(name)
            return [prepared.pop(0) if prepared[1:] else prepared[0]]

        made = [Check(name, partial(look, name, list(prepared))) for name, *prepared in checks]
        found = runner.run([runner.Component("core", made)], wait)
        return [one.status for _, one in found], looks

    @pytest.mark.parametrize("failing", [CRITICAL, UNKNOWN])
    def test_only_failing_checks_are_retried(self, failing):
        statuses, looks = self.run(("a", OK), ("b", failing, failing, OK), wait=60)
        assert statuses == [Status.OK, Status.OK]
        # Each once, b twice more, and all once more in the end.
        assert Counter(looks) == {"a": 2, "b": 4}

    def test_a_check_that_begins_to_fail_meanwhile_is_retried_too(self):
        statuses, looks = self.run(("a", OK, CRITICAL, OK), ("b", CRITICAL, OK), wait=60)
        assert statuses == [Status.OK, Status.OK]
        assert Counter(looks)["a"] == 4

    def test_a_warning_is_not_retried(self):
        statuses, looks = self.run(("a", WARNING, OK), wait=60)
        assert statuses == [Status.WARNING]
        assert looks == ["a"]

    def test_the_time_is_limited(self):
        began = time.monotonic()
        statuses, _ = self.run(("a", CRITICAL), wait=0.05)
        assert statuses == [Status.CRITICAL]
        assert time.monotonic() - began < 10


class TestSettings:
    def results(self):
        return [(name, one) for name, one in runner.run(runner.components())]

    def test_without_any_the_remedy_is_the_playbook(self, settings, capsys):
        assert cli.main([]) == 3
        assert "run the playbook" in capsys.readouterr().err

    def test_a_role_with_units_only_needs_no_module(self, settings, programs):
        (settings / "monitoring.json").write_text('{"units": ["listkit-monitoring.timer"]}')
        programs.systemctl_show({"listkit-monitoring.timer": {}})
        assert self.results() == [("monitoring", Finding.ok("listkit-monitoring.timer", "active"))]

    def test_components_come_in_order_and_only_those_of_this_host(self, settings):
        for name in ("database", "backup", "tunnel", "base"):
            (settings / f"{name}.json").write_text("{}")
        assert [component.name for component in runner.components()] == ["base", "tunnel", "database", "backup"]

    @pytest.mark.parametrize("content", ["{", '{"unit": []}', '{"ports": ["ssh"]}', "[]"])
    def test_a_broken_file_is_a_finding_beside_the_others(self, settings, content):
        (settings / "web.json").write_text(content)
        (settings / "spare.json").write_text("{}")
        [(name, found)] = self.results()
        assert (name, found.name, found.status) == ("web", "settings", Status.UNKNOWN)
        assert str(settings / "web.json") in found.seen
        assert "ansible-playbook" in found.remedy

    def test_a_component_reads_its_own_keys(self, settings):
        (settings / "web.json").write_text('{"fqdn": "not a host"}')
        [(_, found)] = self.results()
        assert "fqdn" in found.seen

    def test_the_ports_of_all_roles_are_allowed(self, settings, programs):
        (settings / "base.json").write_text('{"ports": [22]}')
        (settings / "web.json").write_text('{"ports": [443], "fqdn": "lists.x.test"}')
        programs.add("ss", "echo 'LISTEN 0 1 0.0.0.0:22 x'; echo 'LISTEN 0 1 0.0.0.0:443 x'")
        assert cli.main(["--only", "base"]) in (0, 1, 2)
        found = {one.name: one for _, one in runner.run(runner.components()[:1])}
        assert found["open ports"].status is Status.OK

    def test_without_the_settings_of_one_role_open_ports_are_unknown(self, settings, programs):
        (settings / "base.json").write_text('{"ports": [22]}')
        (settings / "web.json").write_text("{")
        programs.add("ss", "echo 'LISTEN 0 1 0.0.0.0:443 x'")
        found = {one.name: one for _, one in runner.run(runner.components())}
        assert found["open ports"].status is Status.UNKNOWN

    def test_only_the_named_components_are_checked(self, settings, programs, capsys):
        programs.systemctl_show({"a.service": {}, "b.service": {}})
        (settings / "one.json").write_text('{"units": ["a.service"]}')
        (settings / "two.json").write_text('{"units": ["b.service"]}')
        assert cli.main(["--only", "two", "--json"]) == 0
        assert [entry["component"] for entry in json.loads(capsys.readouterr().out)] == ["two"]

    def test_a_component_that_is_not_on_this_host_is_an_error_that_names_those_that_are(self, settings, capsys):
        (settings / "one.json").write_text("{}")
        assert cli.main(["--only", "web"]) == 3
        assert "web is not on this host; its components: one" in capsys.readouterr().err


class TestPerforming:
    def failing(self, error):
        def run():
            raise error

        return Check("x", run)

    def test_an_ordinary_user_learns_what_needs_root(self, monkeypatch):
        monkeypatch.setattr(runner.os, "geteuid", lambda: 1000)
        [found] = runner.perform(self.failing(PermissionError(13, "Permission denied", "/etc/secret")))
        assert found == Finding.unknown("x", "needs root: /etc/secret", "`sudo listkit check`")

    @pytest.mark.parametrize("error", [PermissionError(13, "no"), ValueError("odd"), KeyError("time")])
    def test_a_check_that_cannot_be_carried_out_is_a_finding(self, monkeypatch, error):
        monkeypatch.setattr(runner.os, "geteuid", lambda: 0)
        [found] = runner.perform(self.failing(error))
        assert found.status is Status.UNKNOWN
        assert str(error) in found.seen
        assert finding.PLAYBOOK in found.remedy

    def test_settings_that_only_root_can_read_need_root(self, settings, monkeypatch):
        monkeypatch.setattr(runner.os, "geteuid", lambda: 1000)
        (settings / "web.json").write_text("{}")

        def closed(path, encoding):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(runner.Path, "read_text", closed)
        [(_, found)] = runner.run(runner.components())
        assert found.remedy == "`sudo listkit check`"

    def test_checks_run_at_once(self, settings):
        checks = [Check(str(number), lambda: time.sleep(0.2) or [OK]) for number in range(8)]
        began = time.monotonic()
        assert len(runner.run([runner.Component("x", checks)])) == 8
        assert time.monotonic() - began < 1.2


def test_every_component_has_a_module():
    for name in MODULES:
        assert runner.import_module(MODULES[name]).checks


KNOWN_TO_0_1_0 = {"access", "backup", "base", "bridge", "canary", "certificate", "core", "database", "lists", "relay"}
KNOWN_TO_0_1_0 |= {"alert", "tunnel", "web"}
OF_EVERY_ROLE = {"units", "ports"}


def test_a_site_that_goes_back_to_0_1_0_leaves_no_settings_that_this_version_refuses():
    templates = [*ROLES.glob("*/templates/etc/listkit/check.d/*.json.j2")]
    later = [path for path in templates if path.name.partition(".")[0] not in KNOWN_TO_0_1_0]
    assert later
    surplus = {path.name: set(re.findall(r"'(\w+)':", path.read_text())) - OF_EVERY_ROLE for path in later}
    assert not any(surplus.values()), surplus
