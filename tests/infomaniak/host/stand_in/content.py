"""What the filter at submission thinks of a message's content."""

import io
import re
import zipfile
from collections.abc import Iterator
from email.parser import BytesParser

FORBIDDEN = frozenset(
    "exe com cmd cpl hta scf sct lnk bat js jse wsh ws wsf wsc vbe vb vbs shs pif scr".split()  # noqa: SIM905 as in the manual
)


def forbidden_attachment(message: bytes) -> str | None:
    """The name of the first attachment, also inside a zip or a zip in it, that nobody may send; None without one."""
    for part in BytesParser().parsebytes(message).walk():
        payload = part.get_payload(decode=True)
        for name in _names(part.get_filename() or "", payload if isinstance(payload, bytes) else b""):
            if _extension(name) in FORBIDDEN:
                return name
    return None


def header_octets(headers: list[tuple[str, str]]) -> bytes:
    """The header as it was sent; libmilter's binding decodes UTF-8, and hands out other octets as surrogates."""
    return "".join(f"{name}: {value}\n" for name, value in headers).encode("utf-8", "surrogateescape")


def matching_header(headers: list[tuple[str, str]], rule: str) -> str | None:
    """The first header line that the rule (a regular expression) matches."""
    pattern = re.compile(rule, re.IGNORECASE)
    for name, value in headers:
        if pattern.search(f"{name}: {value}"):
            return f"{name}: {value}"
    return None


def _names(name: str, content: bytes) -> Iterator[str]:
    yield name
    if _extension(name) != "zip":
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for inner in archive.namelist():
                yield from _names(inner, archive.read(inner))
    except zipfile.BadZipFile:
        return


def _extension(name: str) -> str:
    stem, _, extension = name.rpartition(".")
    return extension.lower() if stem else ""
