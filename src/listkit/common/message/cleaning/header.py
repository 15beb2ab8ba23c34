"""The header of a message as a whole: which fields it has, each as often as RFC 5322, 3.6 allows."""

from __future__ import annotations

import re

from listkit.common import provider_marks
from listkit.common.message.cleaning import addresses, dates
from listkit.common.message.cleaning.fields import RECIPIENTS, FieldCleaner, written
from listkit.common.message.header import Field

ORIGINAL_DATE_HEADER = "X-Original-Date"
ORIGINAL_ID_HEADER = "X-Original-Message-Id"
_ORIGINAL_HEADERS = {"date": ORIGINAL_DATE_HEADER, "message-id": ORIGINAL_ID_HEADER, "from": "X-Original-From"}

_ONCE = frozenset({
    "from", "sender", "date", "subject", "message-id", "in-reply-to", "references", "mime-version", "content-type",
    "content-transfer-encoding", "content-disposition", "content-description", "content-id",
})  # fmt: skip
_JOINED = frozenset({"to", "cc", "reply-to"})
# Marks of any spam filter on this message. On an outgoing message, the mail service would apply them.
# The mail service's own fields are removed later, when Mailman has read them.
_FILTERS_WORD = re.compile(
    rf"x-(?!{re.escape(provider_marks.SPAM.removeprefix('x-'))}$).*spam.*|x-(?:rspamd|virus|amavis|crm114)-.*|x-bogosity"
)

# Mailman still reads the word of Mailman 2 to send a post to everyone at once, and fails: it shunts the post.
_URGENT = "urgent"


def cleaned(fields: tuple[Field, ...], cleaner: FieldCleaner, internal_date: str) -> list[Field]:
    """Clean the header of a message that arrived at `internal_date`."""
    kept: list[Field] = []
    for field in _single([field for field in fields if not _is_removed(field.name)], cleaner):
        clean = cleaner.clean(field)
        is_replaced = field.name in ("date", "message-id") and (clean is None or clean.value != field.value)
        if is_replaced or (field.name == "from" and addresses.are_several(field.octets)):
            kept += _original(field, cleaner)
        if clean:
            kept.append(clean)
    names = {field.name for field in kept}
    if "from" not in names:
        kept.append(_require(cleaner.clean(Field("from", b"From:\r\n"))))
    if "date" not in names:
        kept.append(_require(written("date", dates.formatted(dates.from_internal_date(internal_date)))))
    if not names & RECIPIENTS - {"reply-to"}:
        # Large providers refuse a message without any.
        kept.append(_require(written("to", addresses.NO_RECIPIENTS)))
    return kept


def _is_removed(name: str) -> bool:
    return name == _URGENT or _FILTERS_WORD.fullmatch(name) is not None


def _single(fields: list[Field], cleaner: FieldCleaner) -> list[Field]:
    """Of fields that may stand in a header once only, keep the first sound one, or join their values."""
    found: dict[str, int] = {}
    kept: list[Field] = []
    for field in fields:
        if field.name not in found or field.name not in _ONCE | _JOINED:
            found[field.name] = len(kept)
            kept.append(field)
            continue
        place = found[field.name]
        first = kept[place]
        if field.name in _JOINED:
            joined = first.raw.removesuffix(b"\r\n") + b",\r\n " + field.octets.lstrip() + b"\r\n"
            kept[place] = Field(field.name, joined)
        elif cleaner.clean(first) != first and field.octets and cleaner.clean(field) == field:
            kept[place] = field
    return kept


def _original(field: Field, cleaner: FieldCleaner) -> list[Field]:
    name = _ORIGINAL_HEADERS[field.name]
    original = cleaner.clean(Field(name.lower(), f"{name}: ".encode() + field.octets + b"\r\n"))
    return [original] if original else []


def _require(field: Field | None) -> Field:
    assert field is not None
    return field
