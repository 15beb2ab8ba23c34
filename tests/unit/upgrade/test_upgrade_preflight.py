"""What is in the way of an upgrade is found before anything changes, each with its remedy."""

from __future__ import annotations

import os
from collections import namedtuple
from pathlib import Path

import pytest

from listkit.upgrade import clusters, preflight
from listkit.upgrade.clusters import Cluster

Disk = namedtuple("Disk", "f_bavail f_frsize")


def test_held_packages_are_named_with_the_command_that_lets_them_go():
    assert list(preflight.held("")) == []
    [problem] = preflight.held("nginx\npostfix\n")
    assert "held back: nginx, postfix" in problem and "`apt-mark unhold nginx postfix`" in problem


def test_half_installed_packages_are_a_problem():
    assert list(preflight.broken("\n")) == []
    assert "dpkg --configure -a" in next(preflight.broken("The following packages are only half configured…\n"))


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ([], ""),
        ([Cluster("15", "5432", True)], ""),
        ([Cluster("15", "5432", False)], "no running cluster main has the port 5432"),
        ([Cluster("15", "5433", True)], "no running cluster main has the port 5432"),
        ([Cluster("15", "5432", True), Cluster("17", "5433", False)], "there is a newer cluster main"),
    ],
    ids=["managed", "usual", "stopped", "other port", "a newer one"],
)
def test_the_clusters_must_be_as_the_kit_has_them(monkeypatch, tmp_path: Path, found: list[Cluster], reason: str):
    monkeypatch.setattr(clusters, "present", lambda: found)
    monkeypatch.setattr(preflight, "DATA", tmp_path)
    problems = list(preflight.cluster_problems())
    assert len(problems) == bool(reason) and reason in "".join(problems)


def test_data_that_an_upgrade_has_left_on_a_volume_is_a_problem(tmp_path: Path):
    for version in ("15", "17", "lost+found"):
        (tmp_path / version / "main").mkdir(parents=True)
    [problem] = preflight.leftover_data("15", tmp_path)
    assert f"`rm -r {tmp_path}/17`" in problem
    assert list(preflight.leftover_data("17", tmp_path)) == []


@pytest.mark.parametrize(("free_gib", "problems"), [(3.1, 0), (2.9, 1)])
def test_what_is_needed_on_one_disk_is_added_up(monkeypatch, tmp_path: Path, free_gib: float, problems: int):
    system, data = tmp_path / "usr", tmp_path / "data"
    system.mkdir()
    data.mkdir()
    monkeypatch.setattr(os, "statvfs", lambda _path: Disk(int(free_gib * 2**20), 1024))
    found = list(preflight.too_little_room({system: 2 * 2**30, data: 2**30}))
    assert len(found) == problems
    assert not found or f"{system} and {data} has 2.9 GiB free; 3.0 GiB are needed" in found[0]


def test_the_plan_of_the_merge_is_shown(monkeypatch):
    monkeypatch.setattr(preflight, "run_as_web_user", lambda *_words: '["a: kept", "  A: removed"]\n')
    [problem] = preflight.same_addresses()
    assert "-e upgrade_merge_addresses=true merges them:\n    a: kept\n      A: removed" in problem
    monkeypatch.setattr(preflight, "run_as_web_user", lambda *_words: "[]\n")
    assert list(preflight.same_addresses()) == []


def test_another_release_is_the_only_problem_reported(monkeypatch):
    monkeypatch.setattr(preflight, "current", lambda: "11")
    assert list(preflight.problems()) == ["this host has Debian 11; the kit upgrades Debian 12"]
