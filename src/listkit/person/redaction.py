"""Replacing a person's addresses and names in texts, in the forms in which mail programs and web pages write them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from email.header import Header
from email.message import Message
from html.entities import codepoint2name

from listkit.common.message import decoding
from listkit.person.identity import REMOVED_NAME, Person

FILLER = b"x"
"""Replaces each octet of a text whose length can't change."""
_AT = r"(?:@|=40|%40|&#64;|&#x40;|\(a\)|\s?\[at\]\s?|\sat\s)"
"""`ana at example.org` is how Mailman 2's archives write an address."""
_GAP = r"(?:[\s>]|&nbsp;|&#160;)+"
"""Between the parts of a name: a line of a quotation may end there."""
_SIGNATURE = re.compile(r"^-- $.*?(?=^(?:>|[-_=]{5,}|On .+:$)|\Z)", re.MULTILINE | re.DOTALL)
SIGNATURE_REMOVED = "-- \n(signature removed)\n"


class Redactor:
    """Finds and replaces one person's addresses and names."""

    def __init__(self, person: Person) -> None:
        self._alias = person.alias
        addresses = [_address_pattern(address) for address in sorted(person.addresses)]
        names = [_name_pattern(name) for name in sorted(person.names, key=len, reverse=True)]
        self._addresses = _any_of(addresses)
        self._names = _any_of(names)
        self._needles = [[part.lower().encode() for part in parts] for parts in needles(person)]
        self._octets = [
            re.compile(octets, re.IGNORECASE) for pattern in [*addresses, *names] for octets in _encoded(pattern)
        ]

    def text(self, text: str) -> str:
        """Return a text without the person."""
        return self._names.sub(REMOVED_NAME, self._addresses.sub(self._alias, text))

    def is_in(self, text: str | None) -> bool:
        """Whether a text names the person."""
        return bool(text) and bool(self._addresses.search(text or "") or self._names.search(text or ""))

    def octets(self, octets: bytes) -> bytes:
        """Return octets of the same length in which the person is filled over."""
        if not self._may_be_in(octets):
            return octets
        for pattern in self._octets:
            octets = pattern.sub(lambda found: FILLER * len(found[0]), octets)
        return octets

    def is_in_octets(self, octets: bytes) -> bool:
        """Whether octets name the person."""
        return self._may_be_in(octets) and any(pattern.search(octets) for pattern in self._octets)

    def _may_be_in(self, octets: bytes) -> bool:
        """Whether octets have the parts of an address or a name: much quicker than looking for the patterns."""
        lower = octets.lower()
        return any(all(part in lower for part in parts) for parts in self._needles)

    def message(self, message: Message) -> bool:
        """Replace the person in a message's header and texts; return whether that was a change."""
        changed = [_redact_header(self, part) | _redact_text(self, part) for part in message.walk()]
        return any(changed)


def needles(person: Person) -> Iterator[tuple[str, ...]]:
    """Yield, for each address and name, parts that each text that names it contains: for a search in a database."""
    for address in sorted(person.addresses):
        yield tuple(address.rsplit("@", 1))
    for name in sorted(person.names):
        # Of other letters there is more than one form, in HTML for example.
        yield tuple(filter(None, re.split(r"[^A-Za-z0-9]+", name)))


def without_signature(text: str) -> str:
    """Return a text without the block after "-- ", which has what its author wants to say about themselves."""
    return _SIGNATURE.sub(SIGNATURE_REMOVED, text)


def _encoded(pattern: str) -> Iterator[bytes]:
    """Yield a pattern in the encodings that texts on the host may have."""
    yield pattern.encode()
    if not pattern.isascii():
        with contextlib.suppress(UnicodeEncodeError):
            yield pattern.encode("latin-1")


def _any_of(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(patterns) or r"(?!)", re.IGNORECASE)


def _address_pattern(address: str) -> str:
    """Return a pattern for an address, also within another one: `dev-bounces+ana=example.org@example.net`."""
    local, domain = (re.escape(part) for part in address.rsplit("@", 1))
    return rf"(?:(?<![\w.+-]){local}{_AT}|(?<![\w.-]){local}=){domain}(?![\w-])(?!\.\w)"


def _name_pattern(name: str) -> str:
    words = [_word_pattern(word) for word in name.split()]
    orders = [_GAP.join(words)]
    if len(words) == 2:
        orders.append(rf"{words[1]},{_GAP}{words[0]}")
    return rf"(?<!\w)(?:{'|'.join(orders)})(?!\w)"


def _word_pattern(word: str) -> str:
    """Return a pattern for a word, whose letters may be HTML's entities."""
    return "".join(re.escape(letter) if letter.isascii() else _letter_pattern(letter) for letter in word)


def _letter_pattern(letter: str) -> str:
    number = ord(letter)
    forms = [re.escape(letter), f"&#{number};", f"&#x{number:x};"]
    if number in codepoint2name:
        forms.append(f"&{codepoint2name[number]};")
    return f"(?:{'|'.join(forms)})"


def _redact_header(redactor: Redactor, part: Message) -> bool:
    changed = False
    for name in {name.lower() for name in part.keys()}:  # noqa: SIM118 -- it isn't a dictionary
        values = [str(value) for value in part.get_all(name, [])]
        texts = [decoding.text(value) for value in values]
        if not any(map(redactor.is_in, [*texts, *values])):
            continue
        changed = True
        del part[name]
        for value, text in zip(values, texts, strict=True):
            plain = redactor.text(text if redactor.is_in(text) else value)
            part[name] = plain if plain.isascii() else Header(plain, "utf-8").encode()
    return changed


def _redact_text(redactor: Redactor, part: Message) -> bool:
    if part.get_content_maintype() != "text" or part.is_multipart():
        return False
    octets = part.get_payload(decode=True)
    text = octets.decode(_charset(part), "replace") if isinstance(octets, bytes) else ""
    if not redactor.is_in(text):
        return False
    del part["Content-Transfer-Encoding"]
    part.set_payload(redactor.text(text), "utf-8")
    return True


def _charset(part: Message) -> str:
    """Return the name of a part's encoding that Python knows."""
    name = part.get_content_charset("utf-8")
    try:
        "".encode(name)
    except LookupError:
        return "utf-8"
    return name
