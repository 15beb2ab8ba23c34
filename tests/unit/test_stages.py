"""`make test` runs its stages in their order, some beside others, and says how each ended."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

STAGES = Path(__file__).resolve().parents[2] / "tools/stages.py"


def run(*stages: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, STAGES, *stages], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def verdicts(said: str) -> dict[str, str]:
    """How each stage ended, by the table at the end."""
    return dict(re.findall(r"^  (\w+) +[\d.]+ s  ([\w ()]+?)(?: \(beside.*)?$", said, flags=re.MULTILINE))


def test_a_failure_ends_the_run_with_its_status():
    status, said = run("one=echo 1", "two=exit 3", "three=echo 3")
    assert status == 3
    assert verdicts(said) == {"one": "ok", "two": "failed (3)", "three": "not run"}


def test_stages_with_a_plus_run_beside_the_next_one(tmp_path):
    meet = "touch {0}/{1}; until [ -e {0}/{2} ]; do sleep 0.05; done"
    status, said = run(
        f"+side={meet.format(tmp_path, 'a', 'b')}; echo beside", f"main={meet.format(tmp_path, 'b', 'a')}"
    )
    assert status == 0
    assert verdicts(said) == {"side": "ok", "main": "ok"}
    assert "\nbeside\n== side" in said


def test_a_failure_beside_others_ends_the_run():
    status, said = run("+side=exit 4", "+other=echo", "main=sleep 0.1", "next=echo")
    assert status == 4
    assert verdicts(said) == {"main": "ok", "side": "failed (4)", "other": "not run", "next": "not run"}


def test_a_stage_needs_one_to_run_beside():
    status, said = run("main=echo", "+side=echo")
    assert status == 1
    assert "side has no stage to run beside" in said
