"""`make test` runs its stages in order, pipelines in parallel, and says how each stage ended."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools import stages

STAGES = Path(stages.__file__)


@pytest.fixture
def run(tmp_path: Path):
    def run(*words: str) -> tuple[int, str]:
        argv, output = [sys.executable, STAGES, "--logs", tmp_path / "logs", *words], tmp_path / "output"
        with output.open("w") as file:
            done = subprocess.run(argv, stdout=file, stderr=subprocess.STDOUT, check=False)
        return done.returncode, output.read_text()

    return run


def results(output: str) -> dict[str, str]:
    """How each stage ended, by the table at the end."""
    return dict(re.findall(r"^  (\w+) +[\d.]+ s  ([\w ()]+?)(?:  \(pipeline.*)?$", output, flags=re.MULTILINE))


def test_a_failure_ends_the_run_with_its_status(run):
    status, output = run("one=echo 1", "two=exit 3", "three=echo 3")
    assert status == 3
    assert results(output) == {"one": "ok", "two": "failed (3)", "three": "not run"}


def test_pipelines_run_in_parallel(run, tmp_path: Path):
    meet = "touch {0}/{1}; until [ -e {0}/{2} ]; do sleep 0.05; done"
    status, output = run(
        f"x/left={meet.format(tmp_path, 'a', 'b')}; echo first; echo second",
        f"y/right={meet.format(tmp_path, 'b', 'a')}; echo first; echo second",
    )
    assert status == 0
    assert results(output) == {"left": "ok", "right": "ok"}
    # In one piece, although both wrote at the same time.
    assert output.count("\nfirst\nsecond\n== ") == 2
    assert (tmp_path / "logs/left.log").read_text() == "first\nsecond\n"


def test_the_stages_of_a_pipeline_run_in_order_and_the_next_group_after_all(run, tmp_path: Path):
    path = tmp_path / "file"
    status, _ = run(f"x/make=sleep 0.3; touch {path}", f"x/use=rm {path}", "y/other=true", f"after=[ ! -e {path} ]")
    assert status == 0


def test_after_a_failure_no_stage_of_any_pipeline_starts(run, tmp_path: Path):
    status, output = run(
        f"x/bad=until [ -e {tmp_path}/started ]; do sleep 0.05; done; exit 4",
        "x/next=true",
        # The brackets keep the pattern from matching itself: commands are printed, too.
        f"y/slow=touch {tmp_path}/started; until grep -q 'failed [(]4' {tmp_path}/output; do sleep 0.05; done",
        "y/later=true",
        "last=true",
    )
    assert status == 4
    assert results(output) == {
        "bad": "failed (4)",
        "next": "not run",
        "slow": "ok",
        "later": "not run",
        "last": "not run",
    }


def test_silence_is_broken_by_the_last_line_of_each_running_stage(monkeypatch, capfdbinary, tmp_path: Path):
    monkeypatch.setattr(stages, "HEARTBEAT_SECONDS", 0)
    coloured = r"printf '\033[32m40%%\033[0m\n'; sleep 1.5"
    assert stages.main(["--logs", str(tmp_path), f"x/left={coloured}", "y/right=sleep 1.5"]) == 0
    output = capfdbinary.readouterr().out.decode()
    assert re.search(r"^… left, \d s: 40%$", output, re.MULTILINE)
    assert re.search(r"^… right, \d s: $", output, re.MULTILINE)


def test_a_stage_without_a_command_is_refused(run):
    status, output = run("unit")
    assert status == 1
    assert "'unit' is not a stage; expected [PIPELINE/]NAME=COMMAND" in output
