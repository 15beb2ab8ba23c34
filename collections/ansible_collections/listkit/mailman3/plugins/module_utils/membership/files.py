# SPDX-License-Identifier: MIT
"""Files with members: read in several formats, written as CSV.

`csv`       a header with the columns `address`, `display_name`, `delivery_mode`, `delivery_status` and
            `moderation_action`, in any order; separated by commas, semicolons or tabs
`google`    the members of a Google group, exported from Google Groups or from the admin console
`sympa`     Sympa's dump of subscribers: a block of lines `email …`, `gecos …`, `reception …` for each
`mailman`   an address, or `Name <address>`, in each line: `list_members --fullnames` of Mailman 2, and
            `mailman members` of Mailman 3; lines that start with # are comments
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator

from ansible_collections.listkit.mailman3.plugins.module_utils.membership.entries import (
    PROPERTIES,
    BadEntries,
    Entry,
    Located,
    parse,
)

DETECT = "detect"

_ADDRESS_COLUMNS = {"address": "address", "email": "address", "e-mail": "address", "email address": "address"}
_CSV_COLUMNS = {**{name: name for name in PROPERTIES}, **_ADDRESS_COLUMNS, "name": "display_name"}
_GOOGLE_TITLE = "members for group"
_GOOGLE_ADDRESSES = ("email address", "member email")
_GOOGLE_NAMES = ("nickname", "member name")
_GOOGLE_DELIVERY = {
    "digest": {"delivery_mode": "mime_digests"},
    "abridged": {"delivery_mode": "summary_digests"},
    "no email": {"delivery_status": "by_user"},
}
_SYMPA_RECEPTION = {
    "digest": {"delivery_mode": "mime_digests"},
    "digestplain": {"delivery_mode": "plaintext_digests"},
    "summary": {"delivery_mode": "summary_digests"},
    "notice": {"delivery_mode": "summary_digests"},
    "nomail": {"delivery_status": "by_user"},
}


def read(data: bytes | str, form: str = DETECT) -> list[Entry]:
    """Return the people in a file of one of FORMATS. Raises BadEntries, which names each line that isn't valid."""
    text = decode(data) if isinstance(data, bytes) else data
    return parse(FORMATS[detect(text) if form == DETECT else form](text))


def decode(data: bytes) -> str:
    """Return the text of a file. Raises BadEntries for the first line that isn't UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        shown = data.splitlines()[line - 1].decode("ascii", "backslashreplace")
        raise BadEntries([f"line {line}: {shown!r} is not UTF-8; save the file as 'CSV UTF-8'"]) from error


def detect(text: str) -> str:
    """Return the name of the format of `text`, which its first line with content shows."""
    line = next((line.strip().lower() for line in text.splitlines() if line.strip()), "")
    if line.startswith(_GOOGLE_TITLE):
        return "google"
    columns = [cell.strip() for cell in next(csv.reader([line], delimiter=_delimiter(line)), [])]
    if "member email" in columns or ("email address" in columns and "group status" in columns):
        return "google"
    if _CSV_COLUMNS.keys() & set(columns):
        return "csv"
    key, _space, value = line.partition(" ")
    return "sympa" if key in ("email", "date", "gecos") and value else "mailman"


def write(entries: Iterable[Entry]) -> str:
    """Return `entries` as CSV, which `read` reads."""
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(PROPERTIES)
    for entry in sorted(entries, key=lambda entry: entry.key):
        writer.writerow([entry.address, *(entry.properties().get(name, "") for name in PROPERTIES[1:])])
    return output.getvalue()


def _delimiter(header: str) -> str:
    return max(",;\t", key=header.count)


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that has content, with the number of its last line."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    reader = csv.reader(io.StringIO(text), delimiter=_delimiter(header))
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield reader.line_num, [cell.strip() for cell in row]
    except csv.Error as error:
        raise BadEntries([f"line {reader.line_num}: {error}"]) from error


def _read_csv(text: str) -> Iterator[Located]:
    rows = _rows(text)
    header = [cell.lower() for cell in next(rows, (0, []))[1]]
    columns = [_CSV_COLUMNS.get(cell, cell) for cell in header]
    wrong = [cell for cell, column in zip(header, columns, strict=True) if column not in PROPERTIES]
    if wrong or columns.count("address") != 1:
        reason = f"the column {wrong[0]!r} is unknown" if wrong else "one column must be 'address'"
        raise BadEntries([f"line 1: {reason}; known are {', '.join(PROPERTIES)}"])
    for number, row in rows:
        where = f"line {number}"
        if len(row) != len(columns):
            raise BadEntries([f"{where}: {','.join(row)!r} has {len(row)} columns, and the header {len(columns)}"])
        yield where, dict(zip(columns, row, strict=True))


def _read_google(text: str) -> Iterator[Located]:
    lines = text.lstrip().splitlines(keepends=True)
    title = 1 if lines and lines[0].lower().startswith(_GOOGLE_TITLE) else 0
    rows = _rows("".join(lines[title:]))
    header = [cell.lower() for cell in next(rows, (0, []))[1]]
    address = next((name for name in _GOOGLE_ADDRESSES if name in header), None)
    if address is None:
        raise BadEntries([f"line {title + 1}: no column 'Email address' or 'Member Email', as Google exports it"])
    for number, row in rows:
        cells = dict(zip(header, row, strict=False))
        entry = {"address": cells.get(address, "")}
        entry["display_name"] = next((cells[name] for name in _GOOGLE_NAMES if cells.get(name)), "")
        entry.update(_GOOGLE_DELIVERY.get(cells.get("email preference", "").lower(), {}))
        if cells.get("email status", "").lower() == "bouncing":
            entry["delivery_status"] = "by_bounces"
        yield f"line {number + title}", entry


def _read_sympa(text: str) -> Iterator[Located]:
    block: dict[str, str] = {}
    first = 0
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        if line.strip():
            first = first or number
            key, _space, value = line.strip().partition(" ")
            block[key.lower()] = value.strip()
        elif block:
            yield f"line {first}", _sympa_entry(block)
            block, first = {}, 0


def _sympa_entry(block: dict[str, str]) -> dict[str, str]:
    entry = {"address": block.get("email", ""), "display_name": block.get("gecos", "")}
    entry.update(_SYMPA_RECEPTION.get(block.get("reception", "").lower(), {}))
    if block.get("suspend") == "1":
        entry["delivery_status"] = "by_user"
    return entry


def _read_mailman(text: str) -> Iterator[Located]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield f"line {number}", line


FORMATS: dict[str, Callable[[str], Iterator[Located]]] = {
    "csv": _read_csv,
    "google": _read_google,
    "sympa": _read_sympa,
    "mailman": _read_mailman,
}
