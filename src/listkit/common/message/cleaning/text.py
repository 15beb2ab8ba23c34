"""Header text: decoded as leniently as mail programs do, and encoded so that every parser agrees (RFC 2047)."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Iterator
from itertools import groupby

# Longer text would be cut by the archive.
LONGEST_TEXT = 900
_LINE_OCTETS = 76
_WORD_OCTETS = 45
_LONGEST_TOKEN = 500

# Each repetition ends at a "?", so that the pattern takes linear time. The end may be missing at the end of the text.
_ENCODED_WORD = re.compile(r"=\?([^?]*)\?([bBqQ])\?([^?]*)(?:\?=|\Z)")
_FOLDED_WORD = re.compile(r"=\?[^?\r\n]*\?[bBqQ]\?[^?]*")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_CHARSET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,39}")
# Python calls these text encodings; no mail program does.
_NO_CHARSETS = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "mbcs", "oem"})
# Names in use that Python does not know, and a name of the same charset that it does.
_KNOWN_AS = {
    "iso-8859-6-e": "iso-8859-6", "iso-8859-6-i": "iso-8859-6", "iso-8859-8-e": "iso-8859-8",
    "iso-8859-8-i": "iso-8859-8", "windows-874": "tis-620", "x-sjis": "shift_jis", "x-euc-jp": "euc-jp",
    "x-gbk": "gbk", "windows-936": "gbk", "windows-949": "cp949", "windows-950": "big5", "x-big5": "big5",
    "x-mac-roman": "macintosh", "unicode-1-1-utf-8": "utf-8", "utf8mb4": "utf-8",
}  # fmt: skip
# What is sent in the name of the first needs the second, which has more characters.
_SUPERSETS = {
    "gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949", "shift_jis": "cp932", "big5": "cp950",
}  # fmt: skip
_SEVEN_BIT = re.compile(r"iso2022_.*|hz|utf-7")
# Charsets that every part of Mailman and HyperKitty can decode and encode again.
_COMMON_CHARSETS = re.compile(r"(?:us-ascii|utf-8|iso-8859-(?:[1-9]|1[0-6])|windows-125[0-8])", re.IGNORECASE)


def codec_of(charset: str) -> str | None:
    """Return Python's name for a charset, or None when it isn't one. ISO 8859-1 and ASCII are read as windows-1252."""
    name = charset.partition("*")[0].strip()
    if not _CHARSET_NAME.fullmatch(name):
        return None
    try:
        codec = codecs.lookup(name)
    except LookupError:
        return None
    if not codec._is_text_encoding or codec.name in _NO_CHARSETS:
        return None
    return "cp1252" if codec.name in ("iso8859-1", "ascii") else codec.name


def known_as(charset: str) -> str | None:
    """Return a name of the charset that Python knows, without characters that belong in no name; None without one."""
    name = re.sub(r"[^A-Za-z0-9_.:-]", "", charset.partition("*")[0])
    name = _KNOWN_AS.get(name.lower(), name)
    return name if codec_of(name) else None


def is_seven_bit(codec: str) -> bool:
    """Whether text in this charset, by Python's name, has no octets above 127."""
    return bool(_SEVEN_BIT.fullmatch(codec))


def guess(octets: bytes) -> str:
    """Decode text of unknown charset: UTF-8, even if some of it is broken, else windows-1252."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        text = octets.decode("utf-8", "replace")
    return text if is_mostly_read(*read_and_lost(text)) else octets.decode("cp1252", "replace")


def read_and_lost(text: str) -> tuple[int, int]:
    """Return how many characters outside ASCII were decoded, and how many could not be."""
    lost = text.count("\ufffd")
    return len(text) - len(text.encode("ascii", "ignore")) - lost, lost


def is_mostly_read(read: int, lost: int) -> bool:
    """Whether the charset was the right one, although some characters are broken, as where a text was cut."""
    return read >= lost


def decode(octets: bytes) -> str:
    """Decode a field's value, which may hold encoded words and raw 8-bit text; never raises."""
    # A fold within an encoded word isn't part of it.
    whole = _FOLDED_WORD.sub(lambda word: re.sub(r"\r\n[ \t]", "", word[0]), guess(octets))
    text = re.sub(r"\r\n(?=[ \t])", "", whole)
    decoded = " ".join(printable("".join(_decoded_words(text))).split())
    # Text that looks like an encoded word after decoding must not be decoded again.
    return decoded.replace("=?", "= ?")


def printable(text: str) -> str:
    """Replace control characters and lone surrogates by spaces."""
    return _UNPRINTABLE.sub(" ", text)


def is_printable(octets: bytes) -> bool:
    """Whether a folded value in ASCII has no control characters."""
    return not _UNPRINTABLE.search(_unfolded(octets))


def shortened(text: str, most: int) -> str:
    """Cut text to at most `most` characters; three dots mark the cut."""
    return text if len(text) <= most else text[: most - 3].rstrip() + "..."


def _decoded_words(text: str) -> Iterator[str]:
    """Split text into plain pieces and runs of encoded words, and decode the latter."""
    position = 0
    run: list[tuple[str, bytes]] = []
    for word in _ENCODED_WORD.finditer(text):
        between = text[position : word.start()]
        # White space between two encoded words isn't part of the text.
        if between.strip() or not run:
            yield from _decoded_run(run)
            yield between
            run = []
        run.append((word[1], _word_octets(word[2], word[3])))
        position = word.end()
    yield from _decoded_run(run)
    yield text[position:]


def _decoded_run(run: list[tuple[str, bytes]]) -> Iterator[str]:
    """Decode adjacent encoded words; a character may be split between two of one charset."""
    for charset, words in groupby(run, key=lambda word: word[0].lower()):
        yield _decoded(b"".join(octets for _charset, octets in words), codec_of(known_as(charset) or ""))


def _decoded(octets: bytes, codec: str | None) -> str:
    """Decode text in a declared charset, None where it has no known one."""
    if codec == "utf-16" and octets[:2] not in (codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE):
        codec = "utf-16-be"  # RFC 2781, 4.3
    for name, errors in ((codec, "strict"), ("utf-8", "strict"), (_SUPERSETS.get(codec or "", codec), "replace")):
        try:
            text = octets.decode(name or "ascii", errors)
        except ValueError:
            continue
        # A U+FFFD that the sender wrote isn't lost.
        if errors == "strict" or is_mostly_read(*read_and_lost(text)):
            return text
    return guess(octets)


def _word_octets(encoding: str, encoded: str) -> bytes:
    octets = encoded.encode("utf-8", "surrogatepass")
    if encoding in "qQ":
        return binascii.a2b_qp(octets, header=True)
    alphabet = re.sub(rb"[^A-Za-z0-9+/]", b"", octets)
    # A last lone character holds only six bits.
    whole = alphabet[: len(alphabet) - (len(alphabet) % 4 == 1)]
    return base64.b64decode(whole + b"=" * (-len(whole) % 4)) or octets


def is_sound(value: bytes) -> bool:
    """Whether every parser can read a value and encode it again, and all read the same text."""
    if not value.isascii() or len(value) > LONGEST_TEXT or _UNPRINTABLE.search(_unfolded(value)):
        return False
    text = _unfolded(value)
    if "=?" not in text:
        return True
    words = list(_ENCODED_WORD.finditer(text))
    if len(words) != text.count("=?") or not text.count("?=") >= len(words):
        return False
    return all(_is_sound_word(word) for word in words) and not _UNPRINTABLE.search("".join(_decoded_words(text)))


def _is_sound_word(word: re.Match[str]) -> bool:
    if not (_COMMON_CHARSETS.fullmatch(word[1]) and word[0].endswith("?=") and len(word[0]) <= 250):
        return False
    before, after = word.string[: word.start()], word.string[word.end() :]
    if (before and before[-1] not in ' \t("') or (after and after[0] not in ' \t)"'):
        return False
    if re.search(r"[^!->@-~]", word[3]):
        return False
    try:
        octets = base64.b64decode(word[3], validate=True) if word[2] in "bB" else _word_octets(word[2], word[3])
        decoded = octets.decode(word[1].partition("*")[0])
    except (ValueError, LookupError):
        return False
    return bool(decoded) and "=?" not in decoded and not _UNPRINTABLE.search(decoded)


def _unfolded(value: bytes) -> str:
    return re.sub(r"\r\n([ \t])", r"\1", value.decode("ascii").removesuffix("\r\n")).replace("\t", " ")


def encode(text: str, first_line_octets: int = 0) -> str:
    """Encode text as a field's value, folded; plain where it is plain ASCII.

    first_line_octets: how much of the first line is taken.
    """
    if needs_encoding(text):
        return "\r\n ".join(encoded_words(text))
    lines, line = [], ""
    room = _LINE_OCTETS - first_line_octets
    for token in text.split():
        if line and len(line) + 1 + len(token) > room:
            lines.append(line)
            line, room = token, _LINE_OCTETS - 1
        else:
            line = f"{line} {token}" if line else token
    return "\r\n ".join([*lines, line])


def needs_encoding(text: str) -> bool:
    """Whether text must be written as encoded words."""
    return not text.isascii() or "=?" in text or any(len(token) > _LONGEST_TOKEN for token in text.split())


def encoded_words(text: str) -> Iterator[str]:
    """Write text as encoded words, none of which splits a character."""
    chunk = b""
    for character in text:
        octets = character.encode()
        if len(chunk) + len(octets) > _WORD_OCTETS:
            yield _encoded_word(chunk)
            chunk = b""
        chunk += octets
    yield _encoded_word(chunk)


def _encoded_word(octets: bytes) -> str:
    return f"=?utf-8?b?{base64.b64encode(octets).decode()}?="
