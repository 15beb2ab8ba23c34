"""What the mail service knows: domains, mailboxes, aliases, switches, and what it accepted and refused.

One SQLite file; Postfix and Dovecot read it too. It is in WAL mode, so that their readers never meet a lock.
"""

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

FILE = Path("/var/lib/stand-in/state.sqlite")

SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS switches (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS domains (name TEXT PRIMARY KEY, dmarc TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS mailboxes (login TEXT PRIMARY KEY, password TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS addresses (address TEXT PRIMARY KEY, login TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (
    time REAL NOT NULL, login TEXT NOT NULL, kind TEXT NOT NULL, recipients INTEGER NOT NULL, detail TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS events_by_login ON events (login, time);
CREATE TABLE IF NOT EXISTS records (line TEXT PRIMARY KEY);
"""


@dataclass(frozen=True)
class Switch:
    """A property of the service that a test may change: its default, its positions (none: free), its meaning."""

    default: str
    positions: tuple[str, ...]
    meaning: str


SWITCHES = {
    "quota": Switch("1440", (), "outgoing recipients allowed in the window, for each mailbox"),
    "quota_window": Switch("86400", (), "length of the sliding window, in seconds"),
    "quota_stage": Switch("rcpt", ("mail", "rcpt", "data"), "the command at which a spent quota is answered"),
    "quota_reply": Switch("450 4.7.1 Daily sending quota exceeded", (), "the answer to a spent quota"),
    "recipients": Switch("100", (), "recipients allowed in one message"),
    "delivered_to": Switch("alias", ("alias", "mailbox"), "what Delivered-To holds"),
    "filed_into": Switch(
        "INBOX", ("INBOX", "Spam", "Promotions", "SocialNetworks"), "the folder that filters put arriving mail into"
    ),
    "verdict": Switch(
        "none", ("none", "spam", "dmarc_fail", "dmarc_pass"), "what the service writes on top of mail that it receives"
    ),
    "forged_verdicts": Switch(
        "kept", ("kept", "removed"), "what happens to such a header field that the sender has written in its name"
    ),
    "plus_receipt": Switch("accepted", ("accepted", "refused", "lost"), "mail to alias+tag; `lost`: arrives untagged"),
    "plus_sender": Switch("accepted", ("accepted", "refused"), "envelope senders alias+tag"),
    "alias_sender": Switch("accepted", ("accepted", "refused"), "senders that are an alias of the login"),
    "foreign_author": Switch("refused", ("accepted", "refused"), "From headers that aren't the login's or an alias's"),
    "null_sender": Switch("refused", ("accepted", "refused"), "the empty envelope sender"),
    "smtpban": Switch("off", ("off", "on"), "submission refused, receiving goes on"),
    "smtpban_login": Switch("", (), "the one mailbox that `smtpban` is about; empty: all"),
    "smtpban_reply": Switch("550 5.7.1 SMTPban: sending is disabled for this address", (), "its answer"),
    "login_refused": Switch("none", ("none", "imap", "smtp", "all"), "right passwords are refused all the same"),
    "banip_failures": Switch("10", (), "failed logins of one address after which it is banned"),
    "banip_seconds": Switch("600", (), "for how long, in seconds; also the window in which failures count"),
    "idle": Switch(
        "on",
        ("on", "hibernate", "off"),
        "whether IMAP offers IDLE; `hibernate`: one process holds all connections that have idled for two seconds",
    ),
    "imap_connections": Switch("20", (), "IMAP connections allowed from one address"),
    "smtp_connections": Switch("50", (), "SMTP connections allowed from one address at a time"),
    "header_rule": Switch(r"^X-Spam-Flag: *YES", (), "a regular expression; a header line that matches is rejected"),
    "fault": Switch(
        "none",
        ("none", "mail", "rcpt", "data", "end", "cut_refused", "cut_accepted"),
        "answer `fault_reply` at this command, or cut the connection at the end of the message",
    ),
    "fault_reply": Switch("451 4.3.0 Temporary failure, try again later", (), "the answer of a fault"),
    "fault_times": Switch("-1", (), "how many times; -1 for ever"),
}


class State:
    """The service's state; every thread opens its own."""

    def __init__(self, path: Path = FILE) -> None:
        # Autocommit: every statement stands for itself. libmilter moves a connection from thread to thread.
        self._db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)

    def create(self) -> None:
        """Make the tables and put every switch in its default position."""
        self._db.executescript(SCHEMA)
        self.reset()

    # -- switches

    def reset(self) -> None:
        """Put every switch in its default position and forget what was accepted and refused."""
        rows = [(name, switch.default) for name, switch in SWITCHES.items()]
        self._db.executemany("INSERT OR REPLACE INTO switches VALUES (?, ?)", rows)
        self._db.execute("DELETE FROM events")

    def set(self, name: str, value: str) -> None:
        """Set a switch; raises ValueError for a name or a position that doesn't exist."""
        if name not in SWITCHES:
            raise ValueError(f"no switch is called {name!r}; there are {', '.join(SWITCHES)}")
        positions = SWITCHES[name].positions
        if positions and value not in positions:
            raise ValueError(f"switch {name} has the positions {', '.join(positions)}, not {value!r}")
        self._db.execute("UPDATE switches SET value = ? WHERE name = ?", (value, name))

    def get(self, name: str) -> str:
        """The position of a switch."""
        return self._db.execute("SELECT value FROM switches WHERE name = ?", (name,)).fetchone()[0]

    def number(self, name: str) -> float:
        """The position of a switch that is a number."""
        return float(self.get(name))

    def take_fault(self, *stages: str) -> str | None:
        """The fault that is due at one of these stages, counted down, or None."""
        fault = self.get("fault")
        if fault not in stages:
            return None
        changed = self._db.execute(
            "UPDATE switches SET value = value - 1 WHERE name = 'fault_times' AND CAST(value AS INTEGER) > 0"
        ).rowcount
        return fault if changed or self.number("fault_times") < 0 else None

    # -- customers

    def add_domain(self, name: str, dmarc: str) -> None:
        """Host a domain, with the policy of its DMARC record (none, quarantine, reject)."""
        self._db.execute("INSERT OR REPLACE INTO domains VALUES (?, ?)", (name, dmarc))

    def domains(self) -> dict[str, str]:
        """The hosted domains and their DMARC policies."""
        return dict(self._db.execute("SELECT name, dmarc FROM domains"))

    def add_mailbox(self, login: str, password: str) -> None:
        """Make a mailbox or give it another password."""
        self._db.execute("INSERT OR REPLACE INTO mailboxes VALUES (?, ?)", (login, password))
        self.add_alias(login, login)

    def add_alias(self, login: str, address: str) -> None:
        """Deliver an address into a mailbox; without a local part, every address of the domain that nobody else has."""
        self._db.execute("INSERT OR REPLACE INTO addresses VALUES (?, ?)", (address.lower(), login))

    def remove_alias(self, address: str) -> None:
        """Know an address no more."""
        self._db.execute("DELETE FROM addresses WHERE address = ?", (address.lower(),))

    def addresses(self, login: str) -> list[str]:
        """The mailbox's own address and its aliases."""
        rows = self._db.execute("SELECT address FROM addresses WHERE login = ? ORDER BY address", (login,))
        return [address for (address,) in rows]

    def logins(self) -> list[str]:
        """All mailboxes."""
        return [login for (login,) in self._db.execute("SELECT login FROM mailboxes ORDER BY login")]

    # -- name server

    def add_record(self, line: str) -> None:
        """Add a record of the name server, as a line of dnsmasq's configuration."""
        self._db.execute("INSERT OR IGNORE INTO records VALUES (?)", (line,))

    def records(self) -> list[str]:
        """The added records."""
        return [line for (line,) in self._db.execute("SELECT line FROM records ORDER BY rowid")]

    # -- what happened

    def note(self, login: str, kind: str, recipients: int, detail: str) -> None:
        """Remember an event: kind `accepted`, or the reason of a refusal. Octets that are no UTF-8 are replaced."""
        readable = detail.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        self._db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", (time.time(), login, kind, recipients, readable))

    def spent(self, login: str) -> int:
        """Recipients accepted from a mailbox within the window."""
        since = time.time() - self.number("quota_window")
        query = "SELECT coalesce(sum(recipients), 0) FROM events WHERE login = ? AND kind = 'accepted' AND time > ?"
        return self._db.execute(query, (login, since)).fetchone()[0]

    def events(self) -> list[dict[str, object]]:
        """Everything that was accepted and refused since the last reset."""
        names = ("time", "login", "kind", "recipients", "detail")
        rows = self._db.execute("SELECT time, login, kind, recipients, detail FROM events ORDER BY rowid")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def status(self) -> dict[str, object]:
        """All that a test wants to assert on."""
        events = self.events()
        refused: dict[str, int] = {}
        for event in events:
            if event["kind"] != "accepted":
                refused[str(event["kind"])] = refused.get(str(event["kind"]), 0) + 1
        accepted = [event for event in events if event["kind"] == "accepted"]
        return {
            "messages": len(accepted),
            "recipients": sum(int(str(event["recipients"])) for event in accepted),
            "refused": refused,
            "spent": {login: self.spent(login) for login in self.logins()},
            "switches": {name: self.get(name) for name in SWITCHES},
            "addresses": {login: self.addresses(login) for login in self.logins()},
            "domains": self.domains(),
        }
