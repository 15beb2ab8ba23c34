# SPDX-License-Identifier: MIT
"""Read the lists of any source, and say which files an import leaves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.listkit.kit.plugins.plugin_utils import exported_lists
from ansible_collections.listkit.kit.plugins.plugin_utils.importing import (
    declaring,
    infomaniak,
    mailman2,
    sympa,
    tables,
)
from ansible_collections.listkit.kit.plugins.plugin_utils.importing.description import CannotImport, Description
from ansible_collections.listkit.mailman3.plugins.module_utils.membership import files
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.entries import Entry

READERS = {
    "csv": tables.read,
    "google": tables.read_google,
    "mailman2": mailman2.read,
    "sympa": sympa.read,
}
INFOMANIAK = "infomaniak"
SOURCES = sorted([*READERS, INFOMANIAK])
_LISTS, _MEMBERS, _REPORT = "lists.yml", "members", "report.txt"


def descriptions(
    source: str,
    paths: Iterable[str],
    infomaniak_lists: Iterable[Mapping[str, Any]] = (),
    name: str = "",
    only: Collection[str] = (),
) -> list[Description]:
    """Return the lists of one of SOURCES.

    name: the new name of the only list.
    only: the names of those that are wanted; empty for all.
    Raises CannotImport.
    """
    found = list(_all(source, paths, infomaniak_lists))
    wanted = {one.lower() for one in only}
    names = sorted(described.name for described in found)
    missing = sorted(wanted.difference(names))
    if missing:
        raise CannotImport(f"import_only: there is no list {missing[0]} in the source; found: {', '.join(names)}")
    chosen = [described for described in found if not wanted or described.name in wanted]
    if name:
        if len(chosen) != 1:
            raise CannotImport(
                f"import_list: is the name of one list, and the source has {len(chosen)}: import_only chooses"
            )
        chosen[0].name = name
    _refuse_namesakes(chosen)
    return chosen


def _all(source: str, paths: Iterable[str], infomaniak_lists: Iterable[Mapping[str, Any]]) -> Iterator[Description]:
    if source == INFOMANIAK:
        yield from infomaniak.describe(infomaniak_lists)
    for path in paths:
        yield from READERS[source](Path(path))


def _refuse_namesakes(found: Iterable[Description]) -> None:
    """Raise CannotImport if two lists would become one."""
    origins: dict[str, str] = {}
    for described in found:
        first = origins.setdefault(described.name, described.origin)
        if first is not described.origin:
            raise CannotImport(
                f"{first} and {described.origin} are both called {described.name}; "
                "import each by itself, one of them with import_list"
            )


def earlier_members(directory: Path) -> dict[str, list[Entry]]:
    """Return the members at the last import, by the list's address, from the files that it left in `directory`."""
    return {file.stem: files.read(file.read_bytes(), "csv") for file in (directory / _MEMBERS).glob("*@*.csv")}


def texts(
    lists: Iterable[declaring.Imported],
    declared: Sequence[Mapping[str, Any]],
    report: Iterable[str],
    directory: Path,
) -> dict[Path, str]:
    """Return the files that an import leaves: the declarations, the report, and the members of each list."""
    done = [one for one in lists if not one.is_skipped]
    left_out = [
        {"list": one.address, "option": what, "reason": reason}
        for one in done
        for what, reason in one.description.left_out
    ]
    return {
        directory / _LISTS: exported_lists.as_yaml(declared, left_out, declaring.HEAD),
        directory / _REPORT: "".join(f"{line}\n" for line in report),
        **{directory / _MEMBERS / f"{one.address}.csv": files.write(one.members) for one in done},
    }
