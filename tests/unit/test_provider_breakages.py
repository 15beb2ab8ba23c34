"""The page about breakages counts those before a deployment and at the provider, and names tests that exist."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest
from ansible_collections.listkit.infomaniak.plugins.module_utils.errors import EXPLANATIONS
from ansible_collections.listkit.infomaniak.plugins.module_utils.mailbox import FOR_PROGRAMS

ROOT = Path(__file__).resolve().parents[2]
AT_LEAST = 40
ROW = re.compile(r"^\| [^|]+ \| [^|]+ \| `(tests/[^`:]+)(?:::([^`]+))?` \| (\d+) \|$", re.MULTILINE)
FOUND = ROW.findall((ROOT / "docs/reference/breakages.md").read_text())


def table(path: str) -> ModuleType:
    """Import a file of tests for the table of what it breaks."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def names_in(file: str) -> set[str]:
    """The tests of a file, those of classes with the class's name."""
    names = set()
    for node in ast.parse((ROOT / file).read_text()).body:
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}::{item.name}" for item in node.body if isinstance(item, ast.FunctionDef)}
        elif isinstance(node, ast.FunctionDef):
            names.add(node.name)
    return names


def test_there_are_enough_and_each_has_a_test():
    assert sum(int(ways) for _, _, ways in FOUND) >= AT_LEAST
    assert len({(file, name) for file, name, _ in FOUND}) == len(FOUND)
    assert [(file, name) for file, name, _ in FOUND if name and name not in names_in(file)] == []
    assert [file for file, _, _ in FOUND if not (ROOT / file).is_file()] == []


@pytest.mark.parametrize(
    ("tests", "broken"),
    [
        ("tests/unit/infomaniak/test_mail_dns.py", lambda path: table(path).BROKEN),
        ("tests/unit/infomaniak/test_mailbox_settings.py", lambda _: FOR_PROGRAMS),
        ("tests/unit/infomaniak/test_errors.py", lambda _: EXPLANATIONS),
        (
            "tests/unit/budget/test_budget_replies.py",
            lambda _: json.loads((ROOT / "src/listkit/budget/replies.json").read_text()),
        ),
    ],
)
def test_the_number_is_that_of_the_table(tests, broken):
    assert next(int(ways) for file, _, ways in FOUND if file == tests) == len(broken(tests))
