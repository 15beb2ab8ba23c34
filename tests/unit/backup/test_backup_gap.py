"""The mail since a backup is found by its arrival, and moved only on request. The end-to-end test has a real server."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from listkit.backup import gap
from listkit.backup.errors import BackupError
from listkit.backup.record import Restored
from listkit.backup.repository import Snapshot
from listkit.bridge.config import Configuration, KeepDays, Mailbox
from listkit.bridge.imap_connection import ImapError

HOUR = 3600
RESTORED = Restored(time.time(), "1234abcd")
MAILBOX = Mailbox("mailman@example.org", "mail.infomaniak.com", "secret")


class Server:
    """A folder of delivered mail, and the repository: when each message arrived, by UID."""

    def __init__(self) -> None:
        self.backup = time.time() - 5 * HOUR
        self.arrivals = {7: self.backup - 30 * HOUR, 8: self.backup - 2 * HOUR, 9: self.backup + 1, 4: time.time() - 1}
        self.moved: list[tuple[list[int], str]] = []
        self.searched = ""
        self.folder: str | None = None
        self.works = True

    def find(self, name: str) -> Snapshot:
        return Snapshot(name, self.backup, "lists.example.org")

    def select(self, folder: str) -> str | None:
        if not self.works:
            raise ImapError("the server closed the connection")
        return folder if folder == "Processed" else None

    def search(self, criteria: str) -> list[int]:
        self.searched = criteria
        return sorted(self.arrivals)

    def internal_date(self, uid: int) -> str:
        return time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime(self.arrivals[uid]))

    def move(self, uids: list[int], folder: str) -> None:
        self.moved.append((uids, folder))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()

    @contextlib.contextmanager
    def logged_in(_mailbox: Mailbox) -> Iterator[Server]:
        yield made

    monkeypatch.setattr(gap, "logged_in", logged_in)
    return made


@pytest.fixture
def bridge(tmp_path) -> Configuration:
    fields = dict.fromkeys(("domains", "list_suffixes", "lmtp", "rest", "site_owner", "metrics"))
    return Configuration(mailboxes=(MAILBOX,), state=tmp_path, **fields)


def test_what_arrived_since_the_backup_is_counted_and_stays(server: Server, bridge: Configuration):
    [found] = gap.find(bridge, server, RESTORED, fetch=False)
    assert found.count == 2 and server.moved == []
    [line] = found.lines()
    assert line.startswith("2 messages in Processed of mailman@example.org arrived since ")


def test_it_is_moved_to_the_inbox_on_request(server: Server, bridge: Configuration):
    [found] = gap.find(bridge, server, RESTORED, fetch=True)
    assert server.moved == [([4, 9], "INBOX")]
    assert "moved to the inbox" in "".join(found.lines())
    # One that was delivered after the backup may have arrived before; a server may be in another time zone.
    server.arrivals[8] = server.backup - 0.5 * HOUR
    assert next(gap.find(bridge, server, RESTORED, fetch=False)).count == 3
    day_before = time.strftime("%Y", time.gmtime(server.backup - 25 * HOUR))
    assert server.searched.startswith("UNDELETED SINCE ") and server.searched.endswith(day_before)


def test_what_the_folder_keeps_no_longer_is_said(server: Server, bridge: Configuration):
    server.backup -= 3 * 24 * HOUR
    [found] = gap.find(replace(bridge, keep_days=KeepDays(processed=2)), server, RESTORED, fetch=False)
    assert "Processed keeps messages for 2 days: older ones are gone" in list(found.lines())
    [found] = gap.find(replace(bridge, keep_days=KeepDays(processed=0)), server, RESTORED, fetch=False)
    assert len(list(found.lines())) == 1


def test_without_a_restore_there_is_no_gap(server: Server, bridge: Configuration):
    with pytest.raises(BackupError, match="never restored"):
        next(gap.find(bridge, server, None, fetch=True))


def test_a_bridge_that_deletes_delivered_mail_has_kept_none(server: Server, bridge: Configuration):
    with pytest.raises(BackupError, match="bridge_delete_processed"):
        next(gap.find(replace(bridge, delete_processed=True), server, RESTORED, fetch=True))


def test_a_server_that_fails_is_an_error_for_people(server: Server, bridge: Configuration):
    server.works = False
    with pytest.raises(BackupError, match=r"mailman@example\.org: the server closed the connection"):
        next(gap.find(bridge, server, RESTORED, fetch=True))
