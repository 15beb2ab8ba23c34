"""Address fields: every address that leaves is ASCII and complete, every name can be decoded (RFC 5322, 3.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.utils import getaddresses

from listkit.common.message.cleaning import text

LONGEST_DISPLAY_NAME = 120
NO_RECIPIENTS = "undisclosed-recipients:;"
UNKNOWN_AUTHOR = "unknown@unknown.invalid"
_LONGEST_ADDRESS = 254
_MOST_ADDRESSES = 5000
_DEEPEST_COMMENT = 5

_LOCAL = r"(?:[!#$%&'*+/=?^_`{|}~.0-9A-Za-z-]+|\"[^\"\\\r\n]*\")"
_DOMAIN = r"[0-9A-Za-z](?:[0-9A-Za-z.-]*[0-9A-Za-z])?"
_ADDRESS = re.compile(f"{_LOCAL}@{_DOMAIN}")
_ATOMS = re.compile(r"[!#$%&'*+/=?^_`{|}~0-9A-Za-z -]+")
_COMMENT = re.compile(r"\(([^()]*)\)")
_EMPTY_BRACKETS = re.compile(r"<\s*>")
_ROUTE = re.compile(r"^\s*@[^:]*:")
_QUOTED_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ENCODED_NAME = re.compile(r'"(\s*=\?[^"]*\?=\s*)"')
# Python's strict parser ends in an AttributeError.
_LEADING_DOT = re.compile(r"(?:^|[,:)])\s*\.")


def is_sound(value: bytes) -> bool:
    """Whether an address field needs no change."""
    if not text.is_sound(value) or b"\\" in value or b";" in value:
        return False
    written = value.decode("ascii")
    read = getaddresses([written])
    if not read or _ENCODED_NAME.search(written) or _LEADING_DOT.search(written):
        return False
    return len(read) == _count(written) and all(
        _is_deliverable(address) and len(name) <= LONGEST_DISPLAY_NAME for name, address in read
    )


def _count(value: str) -> int:
    return sum(1 for _mailbox in _split(value))


def _is_deliverable(address: str) -> bool:
    return bool(_ADDRESS.fullmatch(address)) and len(address) <= _LONGEST_ADDRESS


def recipients(octets: bytes, *, with_groups: bool) -> str:
    """Rewrite a list of recipients; empty when it names none.

    with_groups: write a recipient without a usable address as an empty group, which shows the name and is sent nowhere.
        Mailman takes other fields than To apart and would leave a hole.
    """
    written = []
    for name, address in _mailboxes(octets):
        if address:
            written.append(_mailbox(name, address))
        elif name and with_groups:
            written.append(f"{_phrase(name)}:;")
    return ",\r\n ".join(written)


def author(octets: bytes, envelope_sender: str) -> str:
    """Rewrite a From or Sender field, always with one address: the envelope sender's where the field has none.

    Of several authors, which neither Mailman nor HyperKitty can read, the first one remains.
    """
    mailboxes = list(_mailboxes(octets))
    usable = [_mailbox(name, address) for name, address in mailboxes if address]
    if usable:
        return usable[0]
    name = next((name for name, _address in mailboxes if name), "")
    fallback = envelope_sender if _is_deliverable(envelope_sender) else UNKNOWN_AUTHOR
    return _mailbox(name, fallback)


def are_several(octets: bytes) -> bool:
    """Whether a field has more than one address."""
    return sum(1 for _name, address in _mailboxes(octets) if address) > 1


def _mailboxes(octets: bytes) -> Iterator[tuple[str, str]]:
    """Yield display name and address of each entry; the address is empty where there is none that can be used."""
    value = re.sub(r"\r\n(?=[ \t])", "", text.guess(octets)).removesuffix("\r\n")
    for number, entry in enumerate(_split(value)):
        if number == _MOST_ADDRESSES:
            return
        name, address = _entry(entry)
        if name or address:
            yield name, address


def _entry(entry: str) -> tuple[str, str]:
    entry = _EMPTY_BRACKETS.sub(" ", entry)
    bracket = entry.rfind("<")
    if bracket >= 0:
        # A route before it is obsolete (RFC 5322, 4.4).
        written = _ROUTE.sub("", entry[bracket + 1 :].partition(">")[0])
        name = _name(entry[:bracket])
    else:
        bare, comment = _without_comments(entry)
        words = [] if _QUOTED_STRING.fullmatch(bare) else bare.split()
        written = next((word for word in words if "@" in word), "")
        name = _name(comment if written else bare)
    address = _usable(re.sub(r"\s+", "", written).strip(",;"))
    if not address and (written or bracket >= 0):
        # Shown, since it can't be written to.
        name = _name(re.sub("[<>]", " ", entry))
    return name, address


def _usable(address: str) -> str:
    """The address in ASCII, or nothing where that can't be."""
    local, sign, domain = address.rpartition("@")
    if sign and not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            return ""
    address = f"{local}@{domain}"
    return address if sign and _is_deliverable(address) else ""


def _name(written: str) -> str:
    written = written.strip()
    quoted = re.fullmatch(r'"((?:[^"\\]|\\.)*)"?', written, re.DOTALL)
    if quoted:
        written = re.sub(r"\\(.)", r"\1", quoted[1])
    decoded = text.decode(written.encode("utf-8", "surrogatepass"))
    plain = " ".join(decoded.replace("\\", "").strip('" ').replace('"', "'").split())
    return text.shortened(plain, LONGEST_DISPLAY_NAME)


def _without_comments(entry: str) -> tuple[str, str]:
    """An entry without its comments, and the first of these; comments may be nested a few times."""
    if entry.startswith('"'):
        return entry, ""
    comment = _COMMENT.search(entry)
    bare = entry
    for _level in range(_DEEPEST_COMMENT):
        bare = _COMMENT.sub(" ", bare)
    return bare.replace("(", " ").replace(")", " "), comment[1] if comment else ""


def _split(value: str) -> Iterator[str]:
    """Split into entries at commas and semicolons outside of quotation marks, angle brackets and comments.

    A group yields its members, or its name when it has none.
    """
    start, group = 0, ""
    for place, character in _separators(value):
        entry = value[start:place].strip()
        start = place + 1
        if character == ":":
            group = entry
        elif entry:
            group = ""
            yield entry
        elif group:
            yield group
            group = ""
    if rest := value[start:].strip() or group:
        yield rest


def _separators(value: str) -> Iterator[tuple[int, str]]:
    """Find the commas, colons and semicolons that separate entries."""
    quoted, escaped, bracketed, depth = False, False, False, 0
    for place, character in enumerate(value):
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif quoted:
            quoted = character != '"'
        elif character == '"':
            quoted = True
        elif character in "()":
            depth = max(0, depth + (1 if character == "(" else -1))
        elif depth:
            continue
        elif character in "<>":
            bracketed = character == "<"
        elif character in ",:;" and not bracketed:
            yield place, character


def _mailbox(name: str, address: str) -> str:
    if name:
        return f"{_phrase(name)} <{address}>"
    return f"<{address}>" if address.startswith(".") else address


def _phrase(name: str) -> str:
    if text.needs_encoding(name):
        return "\r\n ".join(text.encoded_words(name))
    if _ATOMS.fullmatch(name):
        return name
    return f'"{name}"'
