"""A backup that is too old, failed or not proven is found."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from check_stand_ins import the

from listkit.backup.record import Failure, Made, Proof, Record
from listkit.check.components import backup
from listkit.check.finding import Status

HOUR, DAY = 3600, 86_400


def made(hours: float) -> Made:
    return Made(time.time() - hours * HOUR, "/srv/listkit", "1234abcd", {"core": 1}, 5 * 1024**2, 1, 1.0, 0.2)


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path]:
    """The record, and the configuration, which was written now."""
    (tmp_path / "backup.json").write_text("{}")
    return tmp_path / "record.json", tmp_path / "backup.json"


class TestBackup:
    def found(self, paths: tuple[Path, Path], record: Record):
        record.save(paths[0])
        return the(backup.check_backup(*paths))

    def test_a_recent_one_is_shown_with_its_size(self, paths):
        finding = self.found(paths, Record(made=made(3)))
        assert finding.status is Status.OK and "5 MiB" in finding.seen

    def test_an_old_one_is_critical(self, paths):
        finding = self.found(paths, Record(made=made(30)))
        assert finding.status is Status.CRITICAL and "older than 26 h" in finding.seen

    @pytest.mark.parametrize(("hours", "status"), [(3, Status.WARNING), (30, Status.CRITICAL)])
    def test_a_failure_is_shown_with_its_reason(self, paths, hours, status):
        finding = self.found(paths, Record(made=made(hours), failure=Failure(time.time(), "the storage is full")))
        assert finding.status is status and "failed: the storage is full; the last one" in finding.seen

    @pytest.mark.parametrize(("hours", "status"), [(1, Status.OK), (27, Status.CRITICAL)])
    def test_the_first_one_has_a_day(self, paths, hours, status):
        os.utime(paths[1], (time.time() - hours * HOUR,) * 2)
        finding = the(backup.check_backup(*paths))
        assert finding.status is status and "none was made yet" in finding.seen

    def test_a_first_one_that_failed_is_critical(self, paths):
        finding = self.found(paths, Record(failure=Failure(time.time(), "the storage can't be reached")))
        assert finding.status is Status.CRITICAL and "none was made yet" in finding.seen


class TestProof:
    def found(self, paths: tuple[Path, Path], record: Record):
        record.save(paths[0])
        return the(backup.check_proof(*paths))

    @pytest.mark.parametrize(("days", "status"), [(1, Status.OK), (10, Status.WARNING)])
    def test_the_drill_is_weekly(self, paths, days, status):
        finding = self.found(paths, Record(proof=Proof(time.time() - days * DAY, "1234abcd", 9.0)))
        assert finding.status is status and "1234abcd was restored" in finding.seen

    def test_a_failed_drill_is_critical(self, paths):
        finding = self.found(paths, Record(drill_failure=Failure(time.time(), "lists: 1 instead of 2")))
        assert finding.status is Status.CRITICAL and "lists: 1 instead of 2" in finding.seen


class TestRestore:
    def found(self, directory: Path):
        aside, of_list = directory / "set-aside", directory / "restoring-list.json"
        return the(backup.check_restore(directory / "restoring.json", aside, of_list=of_list))

    def test_a_finished_one_leaves_nothing(self, tmp_path):
        assert self.found(tmp_path).status is Status.OK

    def test_an_interrupted_one_is_critical(self, tmp_path):
        (tmp_path / "restoring.json").write_text("{}")
        finding = self.found(tmp_path)
        assert finding.status is Status.CRITICAL and "playbooks/restore.yml" in finding.remedy

    def test_an_interrupted_one_of_a_list_is_critical(self, tmp_path):
        (tmp_path / "restoring-list.json").write_text('{"list": "members@example.org"}')
        finding = self.found(tmp_path)
        assert finding.status is Status.CRITICAL and "restore-list members@example.org" in finding.remedy

    def test_mail_that_is_set_aside_waits_for_a_decision(self, tmp_path):
        (tmp_path / "set-aside/1234abcd").mkdir(parents=True)
        (tmp_path / "set-aside/1234abcd/post").write_text("")
        finding = self.found(tmp_path)
        assert finding.status is Status.WARNING and "listkit backup release" in finding.remedy
