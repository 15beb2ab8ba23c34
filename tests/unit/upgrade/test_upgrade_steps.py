"""The steps of an upgrade: each is done once, continues after an interruption, and says what can be done."""

from __future__ import annotations

from pathlib import Path

import pytest

from listkit.upgrade import cli, clusters, packages, preflight, progress, releases, services
from listkit.upgrade.clusters import Cluster
from listkit.upgrade.errors import UpgradeError

ORDER = ("check", "prepare", "stop", "packages", "database", "done")


class Host:
    """A host with Debian 12, and what each step does to it."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "state" / "upgrade.json"
        self.stamp = directory / "stamp"
        self.stamp.touch()
        self.release, self.version, self.newest = "12", "15", "15"
        self.runs, self.fails = True, ""
        self.done: list[str] = []

    def _do(self, what: str) -> None:
        if what == self.fails:
            self.fails = ""
            raise UpgradeError(f"{what} failed")
        self.done.append(what)

    def replace(self) -> None:
        """Replace the packages; the release's name changes early on."""
        assert not self.runs
        self.release = "13"
        self._do("packages")
        self.newest = "17"

    def upgrade(self) -> None:
        assert not self.runs
        self._do("database")
        self.version = self.newest

    def go_back(self) -> str:
        assert not self.runs
        self._do("back")
        self.version = "15"
        return self.version

    def stop(self, *, drain: bool) -> None:
        assert drain == (self.release == "12")
        self._do("stop")
        self.runs = False

    def run(self, *steps: str) -> list[int]:
        return [cli.main([step]) for step in steps]

    @property
    def step(self) -> str:
        return progress.load()


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path)
    for module, name, value in (
        (cli, "LOCK", tmp_path / "lock"),
        (cli, "STAMP", made.stamp),
        (progress, "PATH", made.path),
        (releases, "current", lambda: made.release),
        (clusters, "present", lambda: [Cluster(made.version, "5432", True)]),
        (clusters, "newest_server", lambda: made.newest),
        (clusters, "upgrade", made.upgrade),
        (clusters, "go_back", made.go_back),
        (packages, "prepare", lambda: made._do("prepare")),
        (packages, "replace", made.replace),
        (packages, "remove_index", lambda: None),
        (preflight, "problems", lambda: iter([])),
        (services, "stop", made.stop),
    ):
        monkeypatch.setattr(module, name, value)
    return made


def test_each_step_is_done_once_in_its_order(host: Host):
    assert host.run(*ORDER) == [0] * len(ORDER)
    assert host.done == ["prepare", "stop", "packages", "database"]
    assert host.step == progress.DONE and not host.stamp.exists()
    host.run(*ORDER)
    assert host.done == ["prepare", "stop", "packages", "database"]


@pytest.mark.parametrize(
    ("fails", "way"),
    [
        ("prepare", "Nothing was changed."),
        ("stop", "To go back: ansible-playbook playbooks/upgrade.yml -D -e upgrade_back=true"),
        (
            "packages",
            "Debian 12 by the snapshot of the server: ansible-playbook playbooks/upgrade.yml -D -e upgrade_back=true",
        ),
        ("database", "The data is where it was, in the old cluster."),
    ],
)
def test_after_a_failure_the_way_is_shown_and_the_next_run_continues(host: Host, capsys, fails: str, way: str):
    host.fails = fails
    steps = ORDER[: ORDER.index(fails) + 1]
    assert host.run(*steps) == [0] * (len(steps) - 1) + [1]
    shown = capsys.readouterr().err
    assert f"{fails} failed" in shown and way in shown
    assert host.run(*ORDER) == [0] * len(ORDER)
    assert [host.done.count(what) for what in ("packages", "database")] == [1, 1]
    assert host.step == progress.DONE


def test_problems_are_reported_together_before_anything_changes(host: Host, capsys, monkeypatch):
    monkeypatch.setattr(preflight, "problems", lambda: iter(["too little room", "held packages"]))
    assert host.run("check") == [1]
    shown = capsys.readouterr().err
    assert "- too little room\n- held packages\nNothing was changed.\n" in shown
    assert host.done == [] and host.step == progress.NONE


def test_a_stopped_site_is_free_to_start_again(host: Host):
    host.run("check", "prepare", "stop")
    assert host.run("back") == [0]
    assert host.step == progress.NONE and "back" not in host.done


@pytest.mark.parametrize("steps", [(), ORDER[:3]], ids=["not begun", "packages interrupted"])
def test_nothing_is_undone_that_can_not_be(host: Host, capsys, steps: tuple[str, ...]):
    if steps:
        host.fails = "packages"
        host.run(*steps, "packages")
    before = host.step
    assert host.run("back") == [1]
    assert "nothing that this command can undo" in capsys.readouterr().err
    assert host.step == before and "back" not in host.done


def test_the_old_cluster_comes_back_and_the_next_run_upgrades_it_again(host: Host):
    host.run(*ORDER)
    host.stamp.touch()
    host.runs = True
    assert host.run("back") == [0]
    assert (host.version, host.step, host.stamp.exists()) == ("15", progress.DEPLOY, False)
    host.runs = True
    assert host.run(*ORDER) == [0] * len(ORDER)
    assert host.version == "17"
    assert host.done[-2:] == ["stop", "database"] and host.done.count("packages") == 1


def test_a_host_without_postgresql_needs_no_cluster(host: Host, monkeypatch):
    monkeypatch.setattr(clusters, "present", list)
    assert host.run(*ORDER) == [0] * len(ORDER)
    assert "database" not in host.done and host.step == progress.DONE


def test_a_damaged_record_is_reported(host: Host, capsys):
    host.path.parent.mkdir()
    host.path.write_text("{}")
    assert host.run("status") == [1]
    assert f"{host.path} is damaged" in capsys.readouterr().err


def test_the_help_calls_them_steps(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert capsys.readouterr().out.startswith("usage: listkit upgrade [-h] STEP ...")
