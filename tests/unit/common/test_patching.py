"""A patch is applied only to code that is as it was when the patch was written, and a failure is recorded."""

import json
import sys
from types import ModuleType

import pytest

from listkit.common.patching import Failure, Mismatch, Patch, Patching, Target, recorded_failures, source_digest


def start(name: str, part: int = 1) -> bool:
    """The function that is patched."""
    return bool(name) and part > 0


@pytest.fixture(autouse=True)
def library(monkeypatch):
    """A module of another project."""
    module = ModuleType("a_library")
    module.start = start
    monkeypatch.setitem(sys.modules, "a_library", module)
    return module


@pytest.fixture
def process(tmp_path):
    (tmp_path / "library").mkdir()
    return Patching("library/server", tmp_path)


def patch_of(*targets, apply=lambda: None, **more):
    return Patch("a-patch", "It fails.", "https://example.org/1", ("library 1",), "It fails.", targets, apply, **more)


SIGNATURE = "(name, part=1)"
GOOD = [
    Target("a_library:start"),
    Target("a_library:start", SIGNATURE),
    Target("a_library:start", "(name, …"),
    Target("a_library:start", SIGNATURE, ("0123456789ab", source_digest(start))),
    Target("a_library:begin", alternative=Target("a_library:start", SIGNATURE)),
]
BAD = [
    (Target("a_library:start", "(name)"), "a_library:start has the parameters (name, part=1), not (name)"),
    (Target("a_library:start", "(part, …"), "has the parameters"),
    (Target("a_library:start", SIGNATURE, ("0123456789ab",)), "the source of a_library:start has the digest"),
    (Target("a_library:stop"), "no attribute 'stop'"),
    (Target("a_library:start.deeper"), "no attribute 'deeper'"),
    (Target("a_library_2:start"), "No module named"),
    (Target("a_library:begin", alternative=Target("a_library:stop")), "no attribute 'stop'"),
]


@pytest.mark.parametrize("target", GOOD)
def test_a_target_is_found(target):
    assert target.find() is start


@pytest.mark.parametrize(("target", "reason"), BAD)
def test_a_target_that_differs_is_named_with_the_reason(target, reason):
    with pytest.raises(Mismatch) as raised:
        target.find()
    assert reason in str(raised.value)


def test_a_patch_is_applied_once(process):
    applied = []
    patch = patch_of(Target("a_library:start"), apply=lambda: applied.append(1))
    assert process.apply([patch])
    assert process.apply([patch])
    assert applied == [1]
    assert recorded_failures(process.directory) == {"library/server": []}


@pytest.mark.parametrize("target", [target for target, _ in BAD])
def test_where_one_target_differs_nothing_is_applied_and_the_failure_is_recorded(process, target):
    done = []
    patch = patch_of(
        Target("a_library:start"), target, apply=lambda: done.append("patch"), otherwise=lambda: done.append("fallback")
    )
    assert not process.apply([patch])
    assert done == ["fallback"]
    (failure,) = json.loads((process.directory / "library/server.json").read_text())["failed"]
    assert (failure["patch"], failure["upstream"]) == ("a-patch", "https://example.org/1")
    assert failure["reason"]


def test_a_patch_that_raises_is_a_failure_too(process):
    def fail():
        raise KeyError("chain")

    assert not process.apply([patch_of(apply=fail)])
    failure = Failure("a-patch", "https://example.org/1", "KeyError: 'chain'")
    assert recorded_failures(process.directory) == {"library/server": [failure]}


def test_the_other_patches_are_applied_and_a_second_round_adds_to_the_record(process):
    applied = []
    good = Patch("good", "", "", (), "", (), lambda: applied.append("good"))
    assert not process.apply([patch_of(Target("a_library:stop")), good])
    assert process.apply([Patch("late", "", "", (), "", (), lambda: applied.append("late"))])
    assert applied == ["good", "late"]
    (failure,) = recorded_failures(process.directory)["library/server"]
    assert failure.patch == "a-patch"


def test_a_process_that_may_not_write_there_applies_its_patches_all_the_same(tmp_path):
    assert Patching("missing/process", tmp_path).apply([patch_of()])


def test_a_record_that_cannot_be_read_is_named(process):
    (process.directory / "library/server.json").write_text("{")
    with pytest.raises(ValueError, match=r"library/server\.json"):
        recorded_failures(process.directory)
