"""The folders of the mailboxes: where a message lies now."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from email.message import Message
from email.parser import BytesHeaderParser

from listkit.bridge import imap
from listkit.bridge.backlog import epoch_seconds
from listkit.bridge.config import CONFIGURATION, Folders, Mailbox, load
from listkit.bridge.imap import Imap
from listkit.common.message import decoding
from listkit.common.message.addresses import addresses_in
from listkit.trace.event import Event, Query
from listkit.trace.place import Stored

COMPONENT = "mailbox"
TIMEOUT_SECONDS = 15
MOST_OF_A_FOLDER = 20
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def events(query: Query, known: Iterable[str], since: float) -> Iterator[Event]:
    """Yield the messages in the folders that match, and those with the Message-IDs `known`.

    Raises OSError, ImapError and ConfigurationError.
    """
    for mailbox in load(CONFIGURATION).mailboxes:
        with logged_in(mailbox) as server:
            yield from in_folders(server, mailbox, criteria(query, known, since))


def replay(place: Stored) -> str:
    """Move a message to the folder of messages that the bridge handles again; return the folder's name.

    Raises OSError, ImapError and ConfigurationError.
    """
    mailbox = next(mailbox for mailbox in load(CONFIGURATION).mailboxes if mailbox.account == place.account)
    with logged_in(mailbox) as server:
        server.create(mailbox.folders.replay)
        server.select(place.folder)
        server.move([place.uid], mailbox.folders.replay)
    return mailbox.folders.replay


@contextmanager
def logged_in(mailbox: Mailbox) -> Iterator[Imap]:
    """Connect to a mailbox. Raises OSError and ImapError."""
    tls = ssl.create_default_context(cafile=mailbox.ca_file)
    server = imap.connect(mailbox.host, mailbox.port, tls, TIMEOUT_SECONDS)
    try:
        server.set_timeout(TIMEOUT_SECONDS)
        server.login(mailbox.account, mailbox.password)
        server.prepare()
        yield server
    finally:
        server.logout()


def in_folders(server: Imap, mailbox: Mailbox, searches: list[str]) -> Iterator[Event]:
    """Yield the messages that one of the searches finds. The server is logged in."""
    for folder in _names(mailbox.folders):
        if server.select(folder) is not None:
            yield from _of_folder(server, mailbox.account, folder, searches, folder in mailbox.folders.fetch)


def _names(folders: Folders) -> list[str]:
    targets = [folders.processed, folders.rejected, folders.unrouted, folders.failed, folders.replay]
    return [*folders.fetch, *folders.report, *targets]


def _of_folder(server: Imap, account: str, folder: str, searches: list[str], waiting: bool) -> Iterator[Event]:
    uids = sorted({uid for search in searches for uid in server.search(search)})
    for uid in uids[-MOST_OF_A_FOLDER:]:
        for piece in server.slices(uid):
            message = BytesHeaderParser().parsebytes(piece.octets)
            yield _event(message, epoch_seconds(piece.internal_date), Stored(account, folder, uid), waiting)
            break


def _event(message: Message, arrived: float, place: Stored, waiting: bool) -> Event:
    people = addresses_in(", ".join(decoding.text(message[name]) for name in ("from", "to", "cc")))
    folder = f"{place.folder} of {place.account}"
    text = f"waits in {folder} for the bridge" if waiting else f"lies in {folder}"
    return Event(
        arrived,
        COMPONENT,
        decoding.text(message["message-id"]),
        text,
        tuple(people),
        decoding.text(message["subject"]),
        waiting,
        place,
    )


def criteria(query: Query, known: Iterable[str], since: float) -> list[str]:
    """Return the IMAP searches (RFC 9051, 6.4.4). Servers match parts of a text, without regard to case."""
    recent = f"SINCE {day(since)}"
    wanted = query.text.strip()
    searches = [f'{recent} HEADER Message-ID "{one}"' for one in known if is_plain(one)]
    if "@" in wanted and is_plain(wanted):
        searches += [f'{recent} {field} "{wanted}"' for field in ("HEADER Message-ID", "FROM", "TO", "CC")]
    elif words := re.findall(r"[\w-]+", wanted, re.ASCII):
        # A server may not know the other letters' encoding; the result is compared with the whole text.
        searches.append(f'{recent} SUBJECT "{max(words, key=len)}"')
    return searches


def is_plain(text: str) -> bool:
    """Whether a text can stand between quotes in a command."""
    return bool(re.fullmatch(r"[!#-\[\]-~]+", text))


def day(seconds: float) -> str:
    """Return the date of a time as IMAP has it, in every locale."""
    date = time.gmtime(seconds)
    return f"{date.tm_mday}-{_MONTHS[date.tm_mon - 1]}-{date.tm_year}"
