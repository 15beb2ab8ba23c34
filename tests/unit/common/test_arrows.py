"""Imports point one way, command line → concern → common, and never in a circle."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import listkit

ROOT = Path(listkit.__file__).parent
ENTRY_POINTS = {"cli", "__main__"}
"""Modules that read a command line; nothing imports them."""


def module_name(path: Path) -> str:
    parts = ("listkit", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def imports(path: Path) -> set[str]:
    """The modules of listkit that this one imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports relatively"
            found |= {submodule(node.module, alias.name) for alias in node.names}
    return found & MODULES.keys()


def submodule(module: str, name: str) -> str:
    return f"{module}.{name}" if f"{module}.{name}" in MODULES else module


GRAPH = {name: imports(path) for name, path in MODULES.items()}


def test_common_imports_nothing_else_of_listkit():
    for name, imported in GRAPH.items():
        if name.startswith("listkit.common"):
            assert all(other.startswith("listkit.common") for other in imported), name


def test_nothing_imports_a_command_line():
    for name, imported in GRAPH.items():
        assert not {other for other in imported if other.rpartition(".")[2] in ENTRY_POINTS}, name


def test_there_is_no_circle_of_imports():
    assert list(TopologicalSorter(GRAPH).static_order())
