# SPDX-License-Identifier: MIT
"""The inventory's files: where they are, which can't be read, and what Ansible silently loses in them."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import AnsibleVaultError
from ansible_collections.listkit.kit.plugins.plugin_utils.problem import VAULT_EXAMPLE, VAULT_PROBLEM, Problem

YAML_SUFFIXES = (".yml", ".yaml", ".json")
VARIABLE_FOLDERS = ("group_vars", "host_vars")
BYTE_ORDER_MARK = "\ufeff"
QUOTED_TWICE = """mail_password='"abc#def"'"""
_SECTION = re.compile(r"\[[^]]*?(?P<kind>:vars|:children)?\]")
_VARIABLE = re.compile(r"\s*(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>.*)")
# A word of a shell-like line, or a run of spaces; the unquoted # that ends the line stands for itself.
_TOKEN = re.compile(r"""(?P<word>(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s#"'\\])+)|(?P<hash>\#)|\s+""", re.VERBOSE)


def source_files(sources: Iterable[str]) -> list[Path]:
    """Return the files of the inventory `sources`: those that are files, and those directly in a directory."""
    found = []
    for source in map(Path, sources):
        if source.is_dir():
            found += sorted(path for path in source.iterdir() if path.is_file() and not path.name.startswith("."))
        elif source.is_file():
            found.append(source)
    return found


def variable_files(folders: Iterable[Path], names: Collection[str]) -> list[Path]:
    """Return the files of variables in `folders` that belong to the groups and hosts `names`."""
    tops = [
        top
        for folder in dict.fromkeys(folders)
        for kind in VARIABLE_FOLDERS
        for top in sorted((folder / kind).glob("*"))
        if top.name in names or (top.suffix in YAML_SUFFIXES and top.stem in names)
    ]
    files = [path for top in tops for path in (sorted(top.rglob("*")) if top.is_dir() else [top]) if path.is_file()]
    return [path for path in files if path.suffix in ("", *YAML_SUFFIXES) and not path.name.startswith(".")]


def shown(path: Path) -> str:
    """Return `path` as the operator knows it: relative where that is shorter."""
    return min(str(path), os.path.relpath(path), key=len)


def unreadable(loader: DataLoader, paths: Iterable[Path]) -> Iterator[Problem]:
    """Yield the YAML errors in `paths`, with their places, and the files that can't be decrypted."""
    for path in paths:
        full = str(path.resolve())
        try:
            loader.load_from_file(full, cache="none")
        except AnsibleVaultError:
            yield Problem(shown(path), VAULT_PROBLEM, VAULT_EXAMPLE)
        except AnsibleError as error:
            place = str(error.obj or path).replace(full, shown(path))
            yield Problem(place, error.message.rstrip("."), "mailman_domain: example.org")


def is_ini(path: Path) -> bool:
    """Return whether Ansible reads the inventory source `path` as an INI file."""
    return path.suffix not in (*YAML_SUFFIXES, ".toml") and not os.access(path, os.X_OK)


def ini_problems(name: str, text: str) -> Iterator[Problem]:
    """Yield what Ansible doesn't read as it is written in the INI inventory `text`, a file called `name`."""
    if text.startswith(BYTE_ORDER_MARK):
        wrong = (
            "starts with a byte order mark (BOM), which becomes part of the first name; save it as UTF-8 without BOM"
        )
        yield Problem(name, wrong, f"sed -i '1s/^\\xEF\\xBB\\xBF//' {name}")
    kind = None
    for number, line in enumerate(text.removeprefix(BYTE_ORDER_MARK).splitlines(), start=1):
        section = _SECTION.match(line.strip())
        if section:
            kind = section["kind"]
        elif line.strip()[:1] not in ("", "#", ";") and kind != ":children":
            variable = _cut_value(line) if kind == ":vars" else _cut_word(line)
            if variable:
                wrong = (
                    f"{variable} loses everything from the # on, which starts a comment there; quote the value twice"
                )
                yield Problem(f"{name}, line {number}", wrong, QUOTED_TWICE)


def _cut_word(line: str) -> str | None:
    """Return the variable on a host's line whose value an unquoted # cuts off."""
    word = ""
    for token in _TOKEN.finditer(line):
        if token["hash"]:
            return word.partition("=")[0] if "=" in word else None
        word = token["word"] or ""
    return None


def _cut_value(line: str) -> str | None:
    """Return the variable of a line in a section of variables whose value continues after its quotes with a #."""
    variable = _VARIABLE.match(line)
    quoted = variable and re.match(r"""("[^"]*"|'[^']*')#""", variable["value"])
    return variable["name"] if quoted else None
