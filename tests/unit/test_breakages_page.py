"""The page about breakages names a finding and a test for each, and both exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from listkit.check.components import MODULES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/reference/breakages.md").read_text()
ROWS = re.findall(r"^\| [^|]* \| ([^|]+) \| ([^|]+) \| `([^`]+)` \|$", PAGE, re.MULTILINE)
LEAST = 40
"""Fifteen that an administrator made on a deployed host, and 25 more."""
FILES = {
    path.name: path for path in (*(ROOT / "tests/unit").rglob("test_*.py"), *(ROOT / "tests/e2e").glob("test_*.py"))
}
DEPLOYED = "test_check.py"


def named_in(name: str) -> Iterator[str]:
    """Yield the tests of a file, with their classes; and the breakages of the test on a deployed host."""
    for node in ast.parse(FILES[name].read_text()).body:
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.ClassDef):
            yield from (f"{node.name}::{item.name}" for item in node.body if isinstance(item, ast.FunctionDef))
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "BREAKAGES":
            assert isinstance(node.value, ast.Dict)
            yield from (ast.literal_eval(key) for key in node.value.keys if key is not None)


def test_there_are_enough():
    assert len({broken + test for broken, _, test in ROWS}) == len(ROWS)
    assert len([test for _, _, test in ROWS if test.startswith(f"{DEPLOYED}::")]) >= LEAST


@pytest.mark.parametrize("test", sorted({test for _, _, test in ROWS}))
def test_each_has_a_test(test: str):
    file, _, name = test.partition("::")
    assert name in set(named_in(file))


def test_every_component_finds_something():
    named = {component for _, finding, _ in ROWS for component in re.findall(r"^`(\w+)`", finding)}
    assert named == set(MODULES)


def test_every_breakage_of_a_deployed_host_is_on_the_page():
    breakages = {name for name in named_in(DEPLOYED) if " " in name}
    assert breakages
    assert {f"{DEPLOYED}::{name}" for name in breakages} <= {test for _, _, test in ROWS}
