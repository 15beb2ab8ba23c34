"""The MIME structure: one scan over the spooled message finds what must be repaired, as edits of its lines (RFC 2046).

The body is never in memory. The content of signed and of encrypted parts is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from listkit.common.message.cleaning import parameters, text
from listkit.common.message.cleaning.edits import BLOCK_OCTETS, Edit
from listkit.common.message.cleaning.entity import Entity, TextGuess
from listkit.common.message.cleaning.parameters import Parameterised
from listkit.common.message.header import FIELD_PATTERN, Field

# Python's parser, and whatever walks through its result, calls itself for each level.
DEEPEST = 40
_PART_HEADER_OCTETS = 65_536
_MOST_EDIT_OCTETS = 2_097_152
_MOST_QUOTED_LINES = 20_000
_MOST_FILE_NAMES = 1000

_OPAQUE = frozenset({"multipart/signed", "multipart/encrypted"})
_HEADER, _BLANK_LINE, _CLOSING = range(3)
_IDENTITY = frozenset({"", "7bit", "8bit", "binary"})
# A boundary where the header names none: a line of the length and the characters that are allowed for one.
_BOUNDARY_LINE = re.compile(rb"--([0-9A-Za-z'()+_,./:=?-]{6,70})[ \t]*\r\n")

FieldCleaner = Callable[[Field], Field | None]


@dataclass(slots=True)
class _Level:
    """An open multipart."""

    entity: Entity
    boundary: bytes
    is_opaque: bool
    has_part: bool = False
    part_start: int = 0

    def delimiter(self, line: bytes) -> str:
        """Return the meaning of a line for this multipart: "part", "end" or nothing."""
        if not line.startswith(b"--" + self.boundary):
            return ""
        rest = line[len(self.boundary) + 2 :].rstrip(b" \t\r\n")
        return {b"": "part", b"--": "end"}.get(rest, "")


class Scanner:
    """Scans one message; `edits` is what must be changed below its header, and `top` its repaired header."""

    def __init__(self, spool: IO[bytes], fields: list[Field], body_offset: int, clean: FieldCleaner) -> None:
        """clean: returns a header field as it may stay, or None when it must go."""
        self._spool = spool
        self._clean = clean
        self._offset = body_offset
        self._levels: list[_Level] = []
        self._edit_octets = 0
        self._header: Entity | None = None  # a part whose header is being read
        self._text: Entity | None = None  # a part whose body's charset must be guessed
        self._quoted_lines = 0
        # A part whose lines must not look like delimiters.
        self._quoted: Entity | None = None
        # A multipart that names no boundary, and its type.
        self._awaiting_boundary: tuple[Entity, Parameterised] | None = None
        self.edits: list[Edit] = []
        self.file_names: list[str] = []
        self._entities = 0
        self.top = self._entity(0, "text/plain", 0, fields)

    def _entity(self, start: int, default_type: str, depth: int, fields: list[Field] | None = None) -> Entity:
        self._entities += 1
        return Entity(start, default_type, self._entities, depth, fields or [])

    def scan(self) -> None:
        """Read the whole message."""
        self._begin_body(self.top, self._offset)
        self._spool.seek(self._offset)
        while lines := self._spool.readlines(BLOCK_OCTETS):
            for line in lines:
                self._line(line)
                self._offset += len(line)
        self._finish()
        self.edits.sort()

    def _line(self, line: bytes) -> None:
        if line.startswith(b"--"):
            if self._awaiting_boundary and (found := _BOUNDARY_LINE.fullmatch(line)):
                self._adopt_boundary(found[1])
            if self._levels and self._at_delimiter(line):
                return
            if self._quoted and self._quoted is self._text and self._quoted_lines < _MOST_QUOTED_LINES:
                self._quote(self._quoted, line)
        if self._header:
            self._header_line(self._header, line)
        elif self._text and self._text.guess:
            self._text.guess.feed(line)

    def _quote(self, entity: Entity, line: bytes) -> None:
        """Indent a line that looks like a delimiter.

        Postfix compares the beginnings of lines only: it would count the levels within, too, and refuse the message.
        """
        self._quoted_lines += 1
        self._edit(Edit(self._offset, self._offset + len(line), entity.number, _CLOSING, b" " + line))

    def _adopt_boundary(self, boundary: bytes) -> None:
        """Take a multipart's boundary from its first part, because its header names none."""
        if not self._awaiting_boundary or any(level.boundary == boundary for level in self._levels):
            return
        entity, content_type = self._awaiting_boundary
        entity.type = content_type
        self._awaiting_boundary = None
        content_type.parameters["boundary"] = boundary.decode("ascii")
        entity.set("Content-Type", content_type.rendered())
        self._text = None
        entity.guess = None
        self._levels.append(_Level(entity, boundary, is_opaque=False))

    def _at_delimiter(self, line: bytes) -> bool:
        """Handle a line that delimits an open multipart, or closes those within it as well."""
        for depth in range(len(self._levels) - 1, -1, -1):
            if not (kind := self._levels[depth].delimiter(line)):
                continue
            self._close_part()
            for level in reversed(self._levels[depth + 1 :]):
                self._close(level)
            del self._levels[depth + 1 :]
            level = self._levels[depth]
            self._fill_empty_part(level)
            if kind == "end" and not level.has_part:
                # Python's parser would stop here, and miss the parts that may follow.
                self._edit(Edit(self._offset, self._offset + len(line), level.entity.number, _CLOSING, b""))
            elif kind == "part":
                level.has_part = True
                level.part_start = self._offset + len(line)
                is_digest = level.entity.type.value == "multipart/digest"
                if not level.is_opaque:
                    default_type = "message/rfc822" if is_digest else "text/plain"
                    self._header = self._entity(self._offset + len(line), default_type, level.entity.depth + 1)
            else:
                self._levels.pop()
                self._settle(level.entity)
            return True
        return False

    def _close_part(self) -> None:
        """End the part that is being read."""
        self._awaiting_boundary = None
        while self._header:
            # The header has no end: the delimiter came first. Within a message it may be that of another message.
            self._end_header(self._header, blank_line=b"\r\n")
        if self._text:
            self._settle_text(self._text)
            self._text = None

    def _close(self, level: _Level) -> None:
        """Supply the closing delimiter of a multipart here, or make text of one that has no parts."""
        if level.has_part:
            self._fill_empty_part(level)
            closing = b"--" + level.boundary + b"--\r\n"
            self._edit(Edit(self._offset, self._offset, float("inf"), _CLOSING, closing))
        else:
            self._make_text(level.entity)
            if level.entity.guess:
                self._set_charset(level.entity, level.entity.guess.charset)
        self._settle(level.entity)

    def _fill_empty_part(self, level: _Level) -> None:
        """A part without a single line would hide the delimiter after it from Python's parser."""
        if level.is_opaque and level.part_start == self._offset:
            self._edit(Edit(self._offset, self._offset, level.entity.number, _BLANK_LINE, b"\r\n"))

    def _header_line(self, entity: Entity, line: bytes) -> None:
        if line == b"\r\n":
            self._end_header(entity, after=len(line))
            if entity.is_status:
                self._open_status(self._offset + len(line), entity.depth)
        elif entity.fields and line[:1] in b" \t":
            entity.fields[-1] = Field(entity.fields[-1].name, entity.fields[-1].raw + line)
        elif found := FIELD_PATTERN.match(line):
            entity.fields.append(Field.of(found, line))
        elif not entity.is_status:
            # The body begins without the blank line before it.
            self._end_header(entity, blank_line=b"\r\n")
            self._line(line)
            return
        if self._offset + len(line) - entity.start > _PART_HEADER_OCTETS and self._header is entity:
            self._end_header(entity, after=len(line), blank_line=b"\r\n")

    def _end_header(self, entity: Entity, *, after: int = 0, blank_line: bytes = b"") -> None:
        """The header of a part is complete. after: how much of this line belongs to it."""
        self._header = None
        entity.end = self._offset
        if blank_line and not entity.is_status:
            position = self._offset + after
            self._edit(Edit(position, position, entity.number, _BLANK_LINE, blank_line))
        if self._edit_octets < _MOST_EDIT_OCTETS:
            cleaned = [one for one in map(self._clean, entity.fields) if one]
            if entity.is_status:
                cleaned = [one for one in cleaned if not one.name.startswith("content-")]
            entity.is_changed |= cleaned != entity.fields
            entity.fields = cleaned
        if entity.is_status:
            self._settle(entity)
        else:
            self._begin_body(entity, self._offset + after)

    def _begin_body(self, entity: Entity, position: int) -> None:
        """The body of an entity begins at `position`."""
        written = entity.value("content-type")
        entity.type = parameters.content_type(written) if written else Parameterised(entity.default_type)
        encoding = entity.value("content-transfer-encoding").strip().lower().decode("ascii", "replace")
        self._note_file_name(entity)
        main_type = entity.type.value.partition("/")[0]
        if main_type == "multipart":
            self._open_multipart(entity)
            return
        if entity.type.value == "message/delivery-status":
            self._settle(entity)
            self._open_status(position, entity.depth)
            return
        # Python's parser reads a message in each of them: partial, global, feedback-report, ...
        if main_type == "message" and encoding in _IDENTITY:
            if entity.depth < DEEPEST:
                self._settle(entity)
                self._header = self._entity(position, "text/plain", entity.depth + 1)
                return
            self._make_text(entity)
        if entity.type.value.startswith("text/"):
            self._open_text(entity, encoding)
        if self._text is not entity:
            self._settle(entity)

    def _note_file_name(self, entity: Entity) -> None:
        disposition = parameters.parse(entity.value("content-disposition")).parameters
        name = disposition.get("filename") or entity.type.parameters.get("name", "")
        if name and len(self.file_names) < _MOST_FILE_NAMES:
            self.file_names.append(name)

    def _open_status(self, position: int, depth: int) -> None:
        """Begin a block of fields in a delivery report (RFC 3464), which Python's parser makes a message of."""
        self._header = self._entity(position, "text/plain", depth)
        self._header.is_status = True

    def _open_multipart(self, entity: Entity) -> None:
        encodings = [one.octets.lower() for one in entity.fields if one.name == "content-transfer-encoding"]
        if any(encoding not in (b"7bit", b"8bit", b"binary") for encoding in encodings):
            # RFC 2045, 6.4; each part within declares its own encoding.
            entity.drop("content-transfer-encoding")
        boundary = entity.type.parameters.get("boundary", "").rstrip().encode("ascii")
        is_open = any(level.boundary == boundary for level in self._levels)
        if entity.depth >= DEEPEST or (boundary and is_open):
            self._make_text(entity)
            self._text = self._quoted = entity
        elif boundary:
            entity.guess = TextGuess()
            self._text = entity
            self._levels.append(_Level(entity, boundary, entity.type.value in _OPAQUE))
        else:
            self._awaiting_boundary = (entity, entity.type)
            self._make_text(entity)
            self._text = entity

    def _open_text(self, entity: Entity, encoding: str) -> None:
        """Have the charset of a text guessed where its header names none that can be right."""
        charset = entity.type.parameters.get("charset", "")
        codec = text.codec_of(charset) if charset else "cp1252"
        if codec is None and (known := text.known_as(charset)):
            self._set_charset(entity, known)
            return
        is_seven_bit = charset.lower() in ("", "us-ascii", "ascii") or (codec and text.is_seven_bit(codec))
        if codec is None or (is_seven_bit and encoding in _IDENTITY):
            entity.guess = TextGuess()
            self._text = entity
            if codec is None:
                self._set_charset(entity, "utf-8")

    def _make_text(self, entity: Entity) -> None:
        """Show as text what can't be taken apart, as mail programs do."""
        entity.type = Parameterised("text/plain", {"charset": "utf-8"})
        entity.set("Content-Type", entity.type.rendered())
        entity.guess = entity.guess or TextGuess()

    def _settle_text(self, entity: Entity) -> None:
        """The body of a text is complete."""
        if any(level.entity is entity for level in self._levels):
            # It was only the preamble of a multipart.
            return
        declared = entity.type.parameters.get("charset", "").lower()
        may_be_ascii = not declared or text.is_seven_bit(text.codec_of(declared) or "")
        is_wrong = entity.guess and declared != entity.guess.charset and not (entity.guess.is_ascii and may_be_ascii)
        if entity.guess and is_wrong and (entity.is_changed or not entity.guess.is_ascii):
            self._set_charset(entity, entity.guess.charset)
        self._settle(entity)

    def _set_charset(self, entity: Entity, charset: str) -> None:
        entity.type.parameters["charset"] = charset
        entity.set("Content-Type", entity.type.rendered())

    def _settle(self, entity: Entity) -> None:
        """Nothing of an entity's header will change any more."""
        if entity.is_changed and entity is not self.top:
            header = b"".join(one.raw for one in entity.fields)
            self._edit(Edit(entity.start, entity.end, entity.number, _HEADER, header))
            entity.is_changed = False

    def _edit(self, edit: Edit) -> None:
        self.edits.append(edit)
        self._edit_octets += len(edit.replacement)

    def _finish(self) -> None:
        self._close_part()
        for level in reversed(self._levels):
            self._close(level)
        self._levels.clear()
