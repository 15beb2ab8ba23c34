"""Mailman's core: its log, its queues, and the posts that wait for a moderator."""

from __future__ import annotations

import gzip
import pickletools
import re
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from listkit.common.message import decoding
from listkit.common.message.addresses import addresses_in
from listkit.common.rest import RestClient
from listkit.trace.event import Event
from listkit.trace.place import Held, SetAside

COMPONENT = "Mailman"
LOGS = Path("/var/log/mailman3")
QUEUES = Path("/var/lib/mailman3/queue")
ARCHIVE_SPOOL = Path("/var/lib/mailman3/archives/hyperkitty/spool")

_LINE = re.compile(r"(?P<time>\w{3} \d\d \d\d:\d\d:\d\d \d{4}) \(\d+\) (?P<text>.*)")
_ID = r"(?P<id><[^\s<>]+>)"
_ANY_ID = re.compile(_ID)
_KNOWN: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (rf"ACCEPT: {_ID}", "accepted as a post"),
        (rf"REJECT: {_ID}", "rejected; the author, or the owners, get the reason"),
        (rf"DISCARD: {_ID}; (?P<why>.*)", "discarded: {why}"),
        (rf"OWNER: {_ID}", "accepted for the owners"),
        (
            rf"HOLD: (?P<people>\S+ post from \S+) held, message-id={_ID}: (?P<why>.*)",
            "held for the moderators: {why}",
        ),
        (rf"held message approved, message-id: {_ID}", "approved by a moderator"),
        (
            rf"{_ID} smtp to (?P<people>\S+) for (?P<count>\d+) recips, completed in .*",
            "handed to the relay for {count} recipients of {people}",
        ),
        (
            rf"{_ID} delivery to (?P<people>\S+) failed with code (?P<why>.*)",
            "the relay refused the recipient {people}: {why}",
        ),
        (rf"HyperKitty archived message {_ID} to (?P<why>\S+)", "archived: {why}"),
        (
            rf"archiving failed, re-queuing \(mailing-list \S+, message {_ID}\)",
            "the archive did not accept it; it waits in the spool",
        ),
    )
)
# Events that the lines above cover.
_REDUNDANT = re.compile(rf"{_ID} post to \S+ from \S+, \d+ bytes")
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")
_SET_ASIDE = ("shunt", "bad")
_WAITING = {
    "shunt": "set aside in {file}: remove the cause, which /var/log/mailman3/mailman.log names, then `mailman unshunt`",
    "bad": "set aside in {file}: Mailman cannot read it",
    "retry": "waits in the queue retry: the relay did not accept it; it is tried again each minute",
}


def logged(since: float, directory: Path = LOGS) -> Iterator[Event]:
    """Yield what Mailman logged about messages since then. Raises OSError."""
    for path in log_files(since, directory):
        with opened(path) as lines:
            yield from (event for event in parse(lines) if event.time >= since)


def log_files(since: float, directory: Path = LOGS) -> list[Path]:
    """Return the files of the log that were written to since then, the oldest first. Raises OSError."""
    times = {path: path.stat().st_mtime for path in directory.glob("mailman.log*")}
    return sorted((path for path, written in times.items() if written >= since), key=lambda path: times[path])


def opened(path: Path) -> Any:
    """Return the lines of a log, which may be compressed, as a context manager. Raises OSError."""
    opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    return opener(path, "rt", encoding="utf-8", errors="replace")


def parse(lines: Iterable[str]) -> Iterator[Event]:
    """Yield an event for each line of the log that has a Message-ID; as it stands, when its form is not known."""
    for line in lines:
        found = _LINE.match(line)
        if not found or "@" not in found["text"] or "<" not in found["text"]:
            continue
        text = found["text"].strip()
        if _REDUNDANT.fullmatch(text):
            continue
        moment = datetime.strptime(found["time"], "%b %d %H:%M:%S %Y").timestamp()
        yield from _event(moment, text)


def _event(moment: float, text: str) -> Iterator[Event]:
    for pattern, says in _KNOWN:
        if known := pattern.fullmatch(text):
            fields = known.groupdict()
            people = tuple(_ADDRESS.findall(fields.get("people", "")))
            yield Event(moment, COMPONENT, fields["id"], says.format(**fields), people)
            return
    if other := _ANY_ID.search(text):
        yield Event(moment, COMPONENT, other["id"], text)


def queued(queues: Path = QUEUES, spool: Path = ARCHIVE_SPOOL) -> Iterator[Event]:
    """Yield the messages that wait in a queue, or for the archive. Raises OSError."""
    for directory in (*sorted(queues.iterdir()), spool):
        for path in sorted(directory.glob("*")) if directory.is_dir() else ():
            if event := _waiting(directory, path):
                yield event


def _waiting(directory: Path, path: Path) -> Event | None:
    try:
        fields = header(path)
    except FileNotFoundError:
        return None  # it has been handled meanwhile
    default = (
        "waits in the queue {queue}" if directory.name != ARCHIVE_SPOOL.name else "waits for the archive in {file}"
    )
    text = _WAITING.get(directory.name, default).format(queue=directory.name, file=path)
    people = addresses_in(", ".join(fields.get(name, "") for name in ("from", "to", "cc")))
    since = path.name.partition("+")[0]
    moment = float(since) if re.fullmatch(r"\d+\.\d+", since) else path.stat().st_mtime
    return Event(
        moment,
        COMPONENT,
        fields.get("message-id", "").strip(),
        text,
        tuple(people),
        fields.get("subject", ""),
        True,
        SetAside(str(path)) if directory.name in _SET_ASIDE else None,
    )


def header(path: Path) -> dict[str, str]:
    """Return the header of a queue file, with names in lower case. Raises FileNotFoundError.

    The file is a pickle. It is not loaded: loading runs whatever code it names, and this program is root.
    """
    fields: dict[str, str] = {}
    name = ""
    with path.open("rb") as file:
        try:
            for _, argument, _ in pickletools.genops(file):
                if not isinstance(argument, str):
                    continue
                if argument == "_payload":
                    break
                if name in ("message-id", "subject", "from", "to", "cc"):
                    fields.setdefault(name, decoding.text(argument))
                name = argument.lower()
        except ValueError:
            pass  # not a pickle, or cut off
    return fields


def held(client: RestClient | None = None) -> Iterator[Event]:
    """Yield the posts that wait for a moderator. Raises RestError and OSError."""
    client = client or RestClient.of_this_host()
    for entry in client.entries("lists"):
        for post in client.entries(f"lists/{entry['list_id']}/held"):
            address = entry["fqdn_listname"]
            text = f"waits for a moderator of {address}: {post.get('reason') or 'no reason recorded'}"
            yield Event(
                _date(post.get("hold_date")),
                COMPONENT,
                str(post.get("message_id", "")),
                text,
                (address, str(post.get("sender", ""))),
                str(post.get("subject", "")),
                True,
                Held(entry["list_id"], int(post["request_id"])),
            )


def _date(text: object) -> float:
    """Return the time of a date in ISO format, which Mailman writes in UTC; now if there is none."""
    try:
        return datetime.fromisoformat(f"{text}+00:00").timestamp()
    except ValueError:
        return time.time()
