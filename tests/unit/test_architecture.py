"""Arrows between packages point one way, and what can be published stands alone."""

from __future__ import annotations

import ast
import graphlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

KIT = Path(__file__).resolve().parents[2]
COLLECTIONS = KIT / "collections" / "ansible_collections" / "listkit"
SOURCE = KIT / "src"
PUBLISHABLE = ("infomaniak", "mailman3")


def imports(file: Path, package: str = "") -> Iterator[str]:
    """Yield what `file` imports, in functions too, as dotted names; of `from a import b` it is `a.b`."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*parents, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def is_below(name: str, package: str) -> bool:
    """Return whether `name` is `package` or in it."""
    return name == package or name.startswith(package + ".")


def modules(top: Path = SOURCE) -> dict[str, Path]:
    """Return the modules below `top` by their dotted names."""
    files = {file.relative_to(top).with_suffix(""): file for file in sorted(top.rglob("*.py"))}
    return {".".join(path.parts).removesuffix(".__init__"): file for path, file in files.items()}


def module_graph(known: dict[str, Path]) -> dict[str, set[str]]:
    """Return, for each of these modules, the others that it imports."""
    graph = {}
    for name, file in known.items():
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        wanted = (target if target in known else target.rpartition(".")[0] for target in imports(file, package))
        graph[name] = {target for target in wanted if target in known and target != name}
    return graph


@pytest.mark.parametrize("name", PUBLISHABLE)
def test_a_publishable_collection_imports_only_itself_and_ansibles_module_utils(name):
    own = f"ansible_collections.listkit.{name}"
    files = sorted((COLLECTIONS / name).rglob("plugins/**/*.py"))
    assert files
    foreign = {
        f"{file.relative_to(COLLECTIONS)}: {target}"
        for file in files
        for target in imports(file)
        if target.partition(".")[0] not in sys.stdlib_module_names
        and not is_below(target, own)
        and not is_below(target, "ansible.module_utils")
    }
    assert foreign == set()


@pytest.mark.parametrize("name", PUBLISHABLE)
def test_a_publishable_collection_names_no_other_of_ours(name):
    files = [file for pattern in ("*.py", "*.md", "*.yml") for file in (COLLECTIONS / name).rglob(pattern)]
    named = {
        f"{file.relative_to(COLLECTIONS)}: listkit.{other}"
        for file in files
        for other in re.findall(r"\blistkit\.(kit|host|mailman3|infomaniak)\b", file.read_text())
        if other != name
    }
    assert named == set()


def test_the_hosts_collection_imports_nothing_of_the_kits():
    files = sorted((COLLECTIONS / "host").rglob("plugins/**/*.py"))
    arrows = {
        str(file) for file in files for name in imports(file) if is_below(name, "ansible_collections.listkit.kit")
    }
    assert files and arrows == set()


def test_common_imports_no_other_package_of_listkit():
    arrows = {
        f"{module} → {target}"
        for module, targets in module_graph(modules()).items()
        if is_below(module, "listkit.common")
        for target in targets
        if not is_below(target, "listkit.common")
    }
    assert arrows == set()


def test_the_programs_bring_along_what_they_import_from_collections():
    variables = yaml.safe_load((KIT / "roles" / "base" / "vars" / "main.yml").read_text())
    libraries = {name: KIT.joinpath("collections", *name.split(".")) for name in variables["_base_libraries"]}
    shared = [
        file
        for path in libraries.values()
        for file in (path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")])
    ]
    foreign = {
        f"{file.name}: {name}"
        for file in [*modules().values(), *shared]
        for name in imports(file)
        if is_below(name, "ansible") or is_below(name, "ansible_collections")
        if not any(is_below(name, library) for library in libraries)
    }
    assert len(shared) > len(libraries) and foreign == set()


def test_nothing_imports_a_command_line():
    arrows = {
        f"{module} → {target}"
        for module, targets in module_graph(modules()).items()
        for target in targets
        if target.rpartition(".")[2] in ("cli", "__main__")
    }
    assert arrows == set()


@pytest.mark.parametrize("top", [SOURCE, KIT / "collections"], ids=["src", "collections"])
def test_no_modules_import_each_other_in_a_circle(top):
    graph = module_graph(modules(top))
    assert len(graph) > 10 and any(graph.values())
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(f"circle of imports: {' → '.join(error.args[1])}")
