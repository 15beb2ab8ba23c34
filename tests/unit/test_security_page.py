"""The tests that the page about security names exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/design/security.md").read_text()
TABLE = re.findall(r"^\| ([^|]+) \| (`[^|]+) \|$", PAGE.partition("## Tests")[2], re.MULTILINE)
TESTS = sorted({test for _, tests in TABLE for test in re.findall(r"`([^`]+)`", tests)})


@pytest.mark.parametrize("named", TESTS)
def test_a_named_test_exists(named):
    file, _, name = named.partition("::")
    path = ROOT / ("" if "/" in file else "tests/e2e") / file
    functions = {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}
    assert not name or name in functions


def test_every_promise_has_tests():
    promises = re.findall(r"^\| (\d+) \|", PAGE.partition("## Tests")[0], re.MULTILINE)
    assert promises
    assert [promise for promise, _ in TABLE if promise.isdecimal()] == promises
