"""Content-Type and Content-Disposition: parsed leniently, and written so that every parser agrees (RFC 2045, 2231)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from urllib.parse import quote, unquote_to_bytes

from listkit.common.message.cleaning import text

LONGEST_NAME = 180
_LONGEST_VALUE = 200
_LONGEST_FIELD = 65_536
_LONGEST_SOUND = 4096
_LONGEST_TYPE = 100
_LONGEST_EXTENSION = 20
_SEGMENT = 60
_MOST_PARAMETERS = 50

_TOKEN = re.compile(r"[!#$%&'*+.^_`{|}~0-9A-Za-z-]+")
_TYPE = re.compile(r"([!#$&^_.+0-9A-Za-z-]+)/([!#$&^_.+0-9A-Za-z-]+)")
# RFC 2046 allows fewer characters, but every mail program reads these.
_BOUNDARY = re.compile(r"[ !#-\[\]-~]{0,199}[!#-\[\]-~]")
# name, name*, name*0, name*0*
_NAME = re.compile(r"([^*\s]+)(?:\*(\d{1,3}))?(\*?)")
_FILE_NAMES = ("filename", "name")


@dataclass(slots=True)
class Parameterised:
    """A value such as `text/plain; charset=utf-8`: the value, and its decoded parameters by name in lower case."""

    value: str
    parameters: dict[str, str] = field(default_factory=dict)

    def rendered(self) -> str:
        """Write it folded, a parameter a line."""
        lines = [self.value]
        for name, value in self.parameters.items():
            lines += _rendered(name, value)
        return ";\r\n ".join(lines)


def parse(octets: bytes) -> Parameterised:
    """Read a field's value; never raises. What can't be read is left out."""
    pieces = list(_split(text.guess(octets[:_LONGEST_FIELD])))
    parsed = Parameterised(text.printable(pieces[0]).strip().lower())
    # The pieces of each parameter by their number (RFC 2231); without one, -1.
    found: dict[str, dict[int, tuple[str, bool]]] = {}
    for piece in pieces[1 : _MOST_PARAMETERS + 1]:
        name, equals, value = piece.partition("=")
        matched = _NAME.fullmatch(name.strip().lower())
        if equals and matched and _TOKEN.fullmatch(matched[1]):
            number = int(matched[2]) if matched[2] else -1
            found.setdefault(matched[1], {}).setdefault(number, (_unquoted(value), bool(matched[3])))
    for name, segments in found.items():
        value = _joined(segments)
        parsed.parameters[name] = _file_name(value) if name in _FILE_NAMES else value[:_LONGEST_VALUE]
    return parsed


def content_type(octets: bytes) -> Parameterised:
    """Read a Content-Type; a type that no parser knows becomes a general one."""
    parsed = parse(octets)
    if not _TYPE.fullmatch(parsed.value) or len(parsed.value) > _LONGEST_TYPE:
        is_text = not parsed.value or parsed.value.startswith("text")
        parsed.value = "text/plain" if is_text else "application/octet-stream"
    if not _BOUNDARY.fullmatch(parsed.parameters.get("boundary", "x")):
        del parsed.parameters["boundary"]
    if parsed.parameters.get("charset") == "":
        del parsed.parameters["charset"]
    return parsed


def is_sound(octets: bytes, parsed: Parameterised) -> bool:
    """Whether Python's parser, too, reads the field like this, so that it may stay as it is."""
    if not octets.isascii() or len(octets) > _LONGEST_SOUND or not text.is_printable(octets):
        return False
    message = Message()
    # As it stands: a fold within quotation marks becomes part of the value.
    message["Content-Type"] = octets.decode("ascii")
    try:
        read = message.get_params(failobj=[])
        names = [name.lower() for name, _value in read[1:]]
        if read[0][0].lower() != parsed.value or sorted(names) != sorted(parsed.parameters):
            return False
        return all(
            _python_reads(message, name) == value and "=?" not in value for name, value in parsed.parameters.items()
        )
    except (ValueError, LookupError, TypeError):
        return False


def _python_reads(message: Message, name: str) -> str | None:
    value = message.get_param(name)
    if isinstance(value, tuple):
        if name not in _FILE_NAMES:
            # Written like this, Python ends in a TypeError where it needs the charset of a text.
            return None
        charset, _language, octets = value
        return octets.encode("latin-1").decode(charset or "us-ascii")
    return value


def _split(value: str) -> Iterator[str]:
    """Split at the semicolons that stand outside of quotation marks."""
    start, quoted, escaped = 0, False, False
    for place, character in enumerate(value):
        if escaped:
            escaped = False
        elif character == "\\" and quoted:
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == ";" and not quoted:
            yield value[start:place]
            start = place + 1
    yield value[start:]


def _unquoted(value: str) -> str:
    value = value.replace("\r\n", "").strip()
    if value.startswith('"'):
        inner = re.match(r'"((?:[^"\\]|\\.)*)', value, re.DOTALL)
        return re.sub(r"\\(.)", r"\1", inner[1]) if inner else ""
    return value


def _joined(segments: dict[int, tuple[str, bool]]) -> str:
    """Put a parameter together from its segments, and decode it."""
    chosen = [segments[-1]] if -1 in segments else [segments[number] for number in sorted(segments)]
    charset, octets = "", b""
    for place, (value, is_encoded) in enumerate(chosen):
        if is_encoded and place == 0 and value.count("'") >= 2:
            charset, _language, value = value.split("'", 2)
        octets += unquote_to_bytes(value) if is_encoded else value.encode("utf-8", "surrogatepass")
    codec = text.codec_of(charset)
    try:
        decoded = octets.decode(codec) if codec and codec != "cp1252" else text.guess(octets)
    except (UnicodeError, ValueError):
        decoded = text.guess(octets)
    # Not what RFC 2231 says, but what many mail programs write.
    decoded = text.decode(decoded.encode("utf-8", "surrogatepass")) if "=?" in decoded else decoded
    return text.printable(decoded).strip()


def _file_name(name: str) -> str:
    """Shorten the name of a file, and keep its extension."""
    if len(name) <= LONGEST_NAME:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > _LONGEST_EXTENSION:
        return text.shortened(name, LONGEST_NAME)
    return text.shortened(stem, LONGEST_NAME - len(extension) - 1) + dot + extension


def _rendered(name: str, value: str) -> Iterator[str]:
    if value.isascii() and "=?" not in value:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        yield f'{name}="{escaped}"'
        return
    encoded = f"utf-8''{quote(value, safe='')}"
    if len(encoded) <= _SEGMENT:
        yield f"{name}*={encoded}"
        return
    # Never in the middle of an octet.
    for number, segment in enumerate(re.findall(rf"(?:%..|[^%]){{1,{_SEGMENT // 3}}}", encoded)):
        yield f"{name}*{number}*={segment}"
