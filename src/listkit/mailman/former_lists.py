"""Renamed lists, as Mailman's components see them: a former address leads to the list, unless another list has it."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import getaddresses

from listkit.common import former_lists

RECIPIENT_FIELDS = ("to", "cc", "resent-to", "resent-cc")


def current_list_id(list_id: str) -> str | None:
    """Return the identifier that a renamed list has now; None if no list had this one."""
    by_id = {old.replace("@", ".", 1): new.replace("@", ".", 1) for old, new in former_lists.read().items()}
    return by_id.get(list_id)


def current_recipient(recipient: tuple, exists: Callable[[str], bool]) -> tuple:
    """Return the name, sub-address and domain of an address, of which the list may have been renamed.

    exists: whether a list has an address. Until the list has its new one, the old one counts.
    """
    name, subaddress, domain = recipient
    old = f"{name}@{domain}"
    new = former_lists.read().get(old)
    if new is None or exists(old) or not exists(new):
        return recipient
    new_name, _at, new_domain = new.rpartition("@")
    return new_name, subaddress, new_domain


def names_former_address(posting_address: str, message) -> bool:
    """Return whether `message` is addressed to a former address of the list."""
    formers = {old for old, new in former_lists.read().items() if new == posting_address}
    fields = [str(value) for field in RECIPIENT_FIELDS for value in message.get_all(field, [])] if formers else []
    return any(address.lower() in formers for _name, address in getaddresses(fields))
