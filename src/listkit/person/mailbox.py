"""The folders of the mailboxes at the mail provider, by IMAP."""

from __future__ import annotations

from collections.abc import Iterator

from listkit.bridge.config import CONFIGURATION, Mailbox, load
from listkit.bridge.imap import Imap
from listkit.person.finding import Finding
from listkit.person.identity import Person
from listkit.trace.mailbox import is_plain, logged_in


def find(person: Person) -> Iterator[Finding]:
    """Yield how many messages name the person, by folder. Raises OSError, ImapError and ConfigurationError."""
    for mailbox in load(CONFIGURATION).mailboxes:
        with logged_in(mailbox) as server:
            for folder, criteria in searches(person, mailbox):
                if uids := matching(server, folder, criteria):
                    yield Finding("mailbox", f"{len(uids)} in {folder} of {mailbox.account}")


def erase(person: Person) -> None:
    """Delete the messages, except those that the bridge is still to handle. Raises as `find` does."""
    for mailbox in load(CONFIGURATION).mailboxes:
        with logged_in(mailbox) as server:
            for folder, criteria in searches(person, mailbox):
                if folder in (*mailbox.folders.fetch, mailbox.folders.replay):
                    continue
                if uids := matching(server, folder, criteria):
                    server.delete(uids)


def searches(person: Person, mailbox: Mailbox) -> Iterator[tuple[str, list[str]]]:
    """Yield each folder with what to search for in it (RFC 9051, 6.4.4).

    Delivered messages are copies: each that names the person goes. Elsewhere, only the person's own do.
    """
    folders = mailbox.folders
    addresses = sorted(filter(is_plain, person.addresses))
    names = [name for name in sorted(person.names) if is_plain(name.replace(" ", ""))]
    yield folders.processed, [f'TEXT "{text}"' for text in (*addresses, *names)]
    for folder in (*folders.fetch, *folders.report, folders.rejected, folders.unrouted, folders.failed, folders.replay):
        yield folder, [f'FROM "{address}"' for address in addresses]


def matching(server: Imap, folder: str, criteria: list[str]) -> list[int]:
    """Return the messages of a folder that match any of the searches; the folder stays selected."""
    if server.select(folder) is None:
        return []
    return sorted({uid for search in criteria for uid in server.search(f"UNDELETED {search}")})
