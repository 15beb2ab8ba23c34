# SPDX-License-Identifier: MIT
"""Members in CSV files, one for each list, as a table program or Google Groups writes them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from ansible_collections.listkit.kit.plugins.plugin_utils.importing.description import CannotImport, Description
from ansible_collections.listkit.mailman3.plugins.module_utils.membership import files
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.entries import BadEntries

_NO_SETTINGS = "the file has none; write them into the list's entry"
_ROLES = {"owner": "owners", "manager": "moderators"}
_MEMBER = ("member", *_ROLES)
_ADDRESS_COLUMNS = ("email address", "member email")
_ROLE_COLUMNS = ("group status", "member role")


def read(path: Path) -> Iterator[Description]:
    """Yield the list of a CSV file, or those of each in a directory. Raises CannotImport."""
    for file, text in _files(path):
        listed = _described(file)
        try:
            listed.add_members(files.FORMATS["csv"](text))
        except BadEntries as error:
            raise CannotImport(f"{file}: {error}") from error
        listed.leave_out("owners", _NO_SETTINGS)
        yield listed


def read_google(path: Path) -> Iterator[Description]:
    """Yield the group whose members Google Groups exported to a file, or those of a directory. Raises CannotImport."""
    for file, text in _files(path):
        listed = _described(file)
        _add_people(listed, file, text)
        yield listed


def _files(path: Path) -> Iterator[tuple[Path, str]]:
    found = [path] if path.is_file() else sorted(path.glob("*.csv"))
    if not found:
        raise CannotImport(f"{path}: has no .csv file; each list has one, named after it, such as members.csv")
    for file in found:
        try:
            yield file, files.decode(file.read_bytes())
        except BadEntries as error:
            raise CannotImport(f"{file}: {error}") from error


def _described(file: Path) -> Description:
    listed = Description(file.stem.lower().partition("@")[0], str(file))
    posts = file.with_suffix(".mbox")
    if posts.is_file():
        listed.archives.append(posts)
    listed.leave_out("settings", _NO_SETTINGS)
    return listed


def _add_people(listed: Description, file: Path, text: str) -> None:
    rows = _rows(text)
    columns = rows[0].keys() if rows else ()
    address = next((name for name in _ADDRESS_COLUMNS if name in columns), None)
    role = next((name for name in _ROLE_COLUMNS if name in columns), None)
    if address is None or role is None:
        raise CannotImport(
            f"{file}: has no columns 'Email address' and 'Group status', or 'Member Email' and 'Member Role', "
            "as Google exports them"
        )
    roles = {row[address].lower(): row[role].lower() for row in rows}
    # People who are invited, have asked to join, or are banned aren't members.
    others = {person: found for person, found in roles.items() if found not in _MEMBER}
    for person, found in others.items():
        listed.leave_out(person, f"is not a member: the {role} is {found!r}")
    listed.add_members(
        (where, entry) for where, entry in files.FORMATS["google"](text) if entry["address"].lower() not in others
    )
    for found, key in _ROLES.items():
        listed.add_administrators(key, [person for person, of in roles.items() if of == found])
    if not listed.keys.get("owners"):
        listed.leave_out("owners", "the file names none; write them into the list's entry")
    for row in rows:
        if row.get("member type", "user").lower() == "group":
            listed.leave_out(row[address], "is a group: its members aren't in the file, and posts go to its address")
        permission = row.get("posting permissions", "allowed").lower()
        if permission not in ("allowed", "default", ""):
            listed.leave_out(row[address], f"its posting permission is {permission!r}; set it in the web interface")


def _rows(text: str) -> Sequence[dict[str, str]]:
    """Return the rows by the columns' names in lower case."""
    lines = text.strip().splitlines(keepends=True)
    if lines and "," not in lines[0]:
        lines = lines[1:]  # "Members for group …"
    rows = csv.DictReader(io.StringIO("".join(lines)))
    return [{(name or "").strip().lower(): (value or "").strip() for name, value in row.items()} for row in rows]
