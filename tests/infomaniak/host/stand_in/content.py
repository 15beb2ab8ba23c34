"""What the filter at submission thinks of a message's content."""

import io
import re
import zipfile
from email.message import Message
from email.parser import BytesParser

FORBIDDEN = frozenset(
    "exe com cmd cpl hta scf sct lnk bat js jse wsh ws wsf wsc vbe vb vbs shs pif scr".split()  # noqa: SIM905 as in the manual
)


def forbidden_attachment(message: bytes) -> str | None:
    """The name of the first attachment, also inside a zip, that nobody may send; None without one."""
    for part in BytesParser().parsebytes(message).walk():
        for name in _names(part):
            if _extension(name) in FORBIDDEN:
                return name
    return None


def matching_header(headers: list[tuple[str, str]], rule: str) -> str | None:
    """The first header line that the rule (a regular expression) matches."""
    pattern = re.compile(rule, re.IGNORECASE)
    for name, value in headers:
        if pattern.search(f"{name}: {value}"):
            return f"{name}: {value}"
    return None


def _names(part: Message) -> list[str]:
    name = part.get_filename()
    if name is None:
        return []
    if _extension(name) != "zip":
        return [name]
    payload = part.get_payload(decode=True)
    try:
        with zipfile.ZipFile(io.BytesIO(payload if isinstance(payload, bytes) else b"")) as archive:
            return [name, *archive.namelist()]
    except zipfile.BadZipFile:
        return [name]


def _extension(name: str) -> str:
    stem, _, extension = name.rpartition(".")
    return extension.lower() if stem else ""
