"""A site whose figures are known: what Mailman says and logs, the bridge's journal, the budget's ledger."""

from __future__ import annotations

import contextlib
import socketserver
import sqlite3
import threading
from datetime import date
from pathlib import Path

from listkit.bridge.journal import Journal
from listkit.bridge.reports import AUTOMATIC
from listkit.budget.ledger import Ledger, OpenCharge
from listkit.budget.window import Kind
from listkit.report.day import bounds

YESTERDAY = date(2026, 11, 30)
LISTS = {
    "dev.x.test": {"fqdn_listname": "dev@x.test", "list_id": "dev.x.test", "member_count": 12},
    "ops.x.test": {"fqdn_listname": "ops@x.test", "list_id": "ops.x.test", "member_count": 3},
}
NUMBERS = {"dev.x.test": 8, "ops.x.test": 1}
LOG = """\
Nov 29 23:59:59 2026 (7) HOLD: dev@x.test post from a@b.test held, message-id=<0@b.test>: The day before
Nov 30 00:00:00 2026 (7) HOLD: dev@x.test post from a@b.test held, message-id=<1@b.test>: Not from a member
Nov 30 00:00:01 2026 (7) HOLD: dev@x.test post from c@b.test held, message-id=<2@b.test>: Too many recipients
Nov 30 09:00:00 2026 (7) REJECT: <3@b.test>
Nov 30 09:00:00 2026 (7) DISCARD: <4@b.test>; ['nonmember-moderation']
Nov 30 09:00:00 2026 (7) DISCARD: <5@b.test>; []
Nov 30 10:00:00 2026 (8) Member a@b.test on list ops.x.test, bounce score = 5.
Nov 30 10:00:00 2026 (8) Member a@b.test on list ops.x.test, bounce score 5 >= threshold 5, disabling.
Nov 30 10:00:00 2026 (8) Disabling delivery for a@b.test on list ops.x.test by bounce
Nov 30 11:00:00 2026 (8) Member a@b.test already scored a bounce on list ops.x.test today.
Nov 30 12:00:00 2026 (8) Residual bounce received for member a@b.test on list ops.x.test.
Nov 30 12:00:00 2026 (8) Member d@b.test on list gone.x.test, bounce score = 1.
Nov 30 12:00:00 2026 (8) <6@b.test> post to dev@x.test from HOLD: x@x.test post from y, 12 bytes
Dec 01 00:00:00 2026 (7) REJECT: <7@b.test>
"""


def answer(path: str) -> object:
    """What Mailman says; None for what it has not."""
    _version, collection, *rest = path.strip("/").split("/")
    if (collection, rest) == ("lists", []):
        return {"entries": list(LISTS.values())}
    if collection == "lists" and rest[1:] == ["config", "post_id"]:
        return {"post_id": NUMBERS[rest[0]]}
    return None


class Relay(socketserver.ThreadingTCPServer):
    """A relay that keeps the mail that it gets, or answers `refusal`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails: list[str] = []
        self.recipients: list[str] = []
        self.refusal = ""
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class _Session(socketserver.StreamRequestHandler):
    server: Relay

    def handle(self) -> None:
        self._say("220 relay")
        while line := self.rfile.readline().decode():
            match line.split()[0].upper():
                case "MAIL" if self.server.refusal:
                    self._say(self.server.refusal)
                case "DATA":
                    self._say("354 go on")
                    lines = iter(lambda: self.rfile.readline().decode(), ".\r\n")
                    self.server.mails.append("".join(lines))
                    self._say("250 taken")
                case "QUIT":
                    self._say("221 bye")
                case verb:
                    if verb == "RCPT":
                        self.server.recipients.append(line.partition(":")[2].strip())
                    self._say("250 ok")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


def fill_ledger(path: Path) -> None:
    """Yesterday 30 recipients of one list and 3 of another; 500 on the days around it; 7 in delivery."""
    ledger = Ledger(path)
    begin, end = bounds(YESTERDAY)
    sent = ("dev@x.test", 20, begin), ("dev@x.test", 10, end - 1), ("ops@x.test", 3, begin + 60)
    for number, (address, recipients, when) in enumerate(
        [*sent, ("dev@x.test", 250, begin - 1), ("dev@x.test", 250, end)]
    ):
        ledger.open(OpenCharge(f"{number}", "lists@x.test", address, Kind.POST, recipients, when))
        ledger.settle(f"{number}", recipients, when)
    ledger.open(OpenCharge("9", "lists@x.test", "dev@x.test", Kind.POST, 7, begin))
    ledger.close()


def fill_journal(path: Path) -> None:
    """Yesterday one message that was not delivered, and one that Mailman discards; one more on each day around it."""
    begin, end = bounds(YESTERDAY)
    journal = Journal(path)
    times = {}
    for when, reason in ((begin - 1, "no list"), (begin, "no list"), (end - 1, AUTOMATIC), (end, "no list")):
        journal.record_refusal("lists@x.test", "dev@x.test", "a@b.test", "Hello", "Rejected", reason)
        times[len(times) + 1] = when
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "UPDATE refusals SET at = ? WHERE id = ?", [(at, number) for number, at in times.items()]
        )
    journal.close()
