"""Stand-ins for what the bridge talks to, in this process: Mailman (LMTP and REST) and an IMAP server.

They say what a test tells them to, so that a test can be precise about what goes wrong and when. The real servers have
their turn in tests/campaign.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

# As an answer: Mailman takes the message, and the connection breaks before it can say so.
LOST_250 = "250 lost"


@dataclass
class Taken:
    """One message that the stand-in Mailman took."""

    sender: str
    recipient: str
    content: bytes

    @property
    def delivery(self) -> str:
        """The bridge's delivery id, which must be the first line."""
        found = re.match(rb"X-Listkit-Delivery: ([0-9a-f]{40})\r\n", self.content)
        assert found, self.content[:100]
        return found[1].decode()


class Mailman:
    """Mailman's LMTP server and REST API. Set `answer` and `lists`; look at `taken`, `tries` and `rest_calls`."""

    def __init__(self, *lists: str) -> None:
        self.lists = set(lists)
        self.taken: list[Taken] = []
        self.tries = 0
        self.rest_calls = 0
        self.rest_works = True
        self.rest_body = ""
        self.once = False
        # Called with each message; returns the reply to DATA, or None to drop the connection without one.
        self.answer: Callable[[Taken], str | None] = lambda _taken: "250 Ok"
        self._lmtp = _Server(("127.0.0.1", 0), _lmtp_handler(self))
        self._rest = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _rest_handler(self))
        for server in (self._lmtp, self._rest):
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def lmtp_port(self) -> int:
        return self._lmtp.server_address[1]

    @property
    def rest_url(self) -> str:
        return f"http://127.0.0.1:{self._rest.server_address[1]}/3.1"

    def take(self, one: Taken) -> None:
        """Take a message, a delivery once where `once` is set, as the kit's LMTP runner does."""
        if not (self.once and (one.delivery, one.recipient) in self.posts):
            self.taken.append(one)

    @property
    def posts(self) -> dict[tuple[str, str], int]:
        """How often each (delivery, recipient) was taken."""
        counted: dict[tuple[str, str], int] = {}
        for one in self.taken:
            key = (one.delivery, one.recipient)
            counted[key] = counted.get(key, 0) + 1
        return counted

    def close(self) -> None:
        for server in (self._lmtp, self._rest):
            server.shutdown()
            server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def _lmtp_handler(mailman: Mailman) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            sender = recipient = ""
            self._say("220 ready")
            for line in self.rfile:
                verb = line[:4].upper()
                if verb == b"LHLO" or verb == b"EHLO":
                    self._say("250-hello\r\n250 8BITMIME")
                elif verb == b"MAIL":
                    sender = re.search(rb"<(.*)>", line)[1].decode()
                    self._say("250 Ok")
                elif verb == b"RCPT":
                    recipient = re.search(rb"<(.*)>", line)[1].decode()
                    self._say("250 Ok")
                elif verb == b"DATA":
                    self._say("354 go on")
                    content = self._content()
                    if content is None:
                        return
                    mailman.tries += 1
                    taken = Taken(sender, recipient, content)
                    reply = mailman.answer(taken)
                    if reply is None:
                        return
                    if reply.startswith("2"):
                        mailman.take(taken)
                    if reply == LOST_250:
                        return
                    self._say(reply)
                elif verb == b"QUIT":
                    self._say("221 bye")
                    return
                else:
                    self._say("250 Ok")

        def _content(self) -> bytes | None:
            lines = []
            for line in self.rfile:
                assert line.endswith(b"\r\n"), line[-20:]
                assert len(line) <= 1001, len(line)
                if line == b".\r\n":
                    return b"".join(lines)
                lines.append(line[1:] if line.startswith(b".") else line)
            return None

        def _say(self, line: str) -> None:
            self.wfile.write(line.encode() + b"\r\n")

    return Handler


def _rest_handler(mailman: Mailman) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            mailman.rest_calls += 1
            if not mailman.rest_works:
                self.send_error(503)
                return
            entries = [{"fqdn_listname": name} for name in sorted(mailman.lists)]
            body = (mailman.rest_body or json.dumps({"entries": entries})).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    return Handler


@dataclass
class Folder:
    """A folder of the stand-in IMAP server."""

    uidvalidity: int = 1
    next_uid: int = 1
    messages: dict[int, bytes] = field(default_factory=dict)
    dates: dict[int, datetime] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)

    def add(self, content: bytes, date: datetime | None = None) -> int:
        uid = self.next_uid
        self.next_uid += 1
        self.messages[uid] = content
        self.dates[uid] = date or datetime.now(UTC)
        return uid


class MailServer:
    """An IMAP server with one mailbox, without TLS. `connect` stands in for `listkit.bridge.imap.connect`.

    before: called with each command's name and arguments; it may raise `Hangup`, or return an answer of its own.
    """

    def __init__(self, capabilities: str = "IMAP4rev1 AUTH=PLAIN SASL-IR IDLE MOVE UIDPLUS") -> None:
        self.capabilities = capabilities
        self.folders: dict[str, Folder] = {"INBOX": Folder()}
        self.before: Callable[[str, str], str | None] = lambda _name, _arguments: None
        self.tells_uidnext = True
        self.always_tells = False  # at each IDLE, of messages that aren't new
        self.ends_idle = False  # each at once
        self.commands: list[str] = []
        self.connections = 0
        self.lock = threading.RLock()
        self._idlers: list[Callable[[], None]] = []

    def put(self, content: bytes, folder: str = "INBOX", days_ago: int = 0) -> int:
        """Deliver a message, and tell who is idling."""
        with self.lock:
            date = datetime.now(UTC) - timedelta(days=days_ago)
            uid = self.folders.setdefault(folder, Folder()).add(content, date)
            idlers = list(self._idlers)
        for tell in idlers:
            with contextlib.suppress(OSError):
                tell()
        return uid

    def contents(self, folder: str) -> list[bytes]:
        with self.lock:
            return list(self.folders.get(folder, Folder()).messages.values())

    def open(self) -> socket.socket:
        """A connected socket of a new connection."""
        ours, theirs = socket.socketpair()
        self.connections += 1
        threading.Thread(target=_Session(self, theirs).run, daemon=True).start()
        ours.settimeout(5)
        return ours

    @contextlib.contextmanager
    def idling(self, tell: Callable[[], None]) -> Iterator[None]:
        with self.lock:
            self._idlers.append(tell)
        try:
            yield
        finally:
            with self.lock:
                self._idlers.remove(tell)


class Hangup(Exception):
    """Close the connection here and now."""


class _Session:
    def __init__(self, server: MailServer, sock: socket.socket) -> None:
        self._server = server
        self._sock = sock
        self._file = sock.makefile("rb")
        self._folder: Folder = Folder()
        self._told = 1

    def run(self) -> None:
        with contextlib.suppress(Hangup, OSError, ValueError):
            self._say("* OK ready")
            for line in self._file:
                tag, name, arguments = (*line.decode().strip().split(" ", 2), "")[:3]
                if name.upper() == "UID":
                    verb, _, arguments = arguments.partition(" ")
                    name = f"UID {verb}"
                self._server.commands.append(f"{name} {arguments}".strip())
                own = self._server.before(name.upper(), arguments)
                self._say(f"{tag} {own if own is not None else self._answer(name.upper(), arguments)}")
        self._file.close()
        self._sock.close()

    def _say(self, line: str) -> None:
        self._sock.sendall(line.encode() + b"\r\n")

    def _answer(self, name: str, arguments: str) -> str:
        method = getattr(self, "_" + name.lower().replace(" ", "_"), None)
        if method is None:
            return "OK done"
        with self._server.lock if name != "IDLE" else contextlib.nullcontext():
            return method(arguments) or "OK done"

    def _capability(self, _arguments: str) -> None:
        self._say(f"* CAPABILITY {self._server.capabilities}")

    def _create(self, arguments: str) -> str:
        name = arguments.strip('"')
        if name in self._server.folders:
            return "NO [ALREADYEXISTS] there"
        self._server.folders[name] = Folder()
        return "OK made"

    def _status(self, arguments: str) -> str | None:
        name = re.match(r'"(.*)" ', arguments)[1]
        if name not in self._server.folders:
            return "NO [NONEXISTENT] no such folder"
        self._say(f'* STATUS "{name}" (MESSAGES {len(self._server.folders[name].messages)})')
        return None

    def _select(self, arguments: str) -> str | None:
        name = arguments.strip('"')
        if name not in self._server.folders:
            return "NO [NONEXISTENT] no such folder"
        self._folder = self._server.folders[name]
        self._say(f"* {len(self._folder.messages)} EXISTS")
        self._say(f"* OK [UIDVALIDITY {self._folder.uidvalidity}] ok")
        if self._server.tells_uidnext:
            self._say(f"* OK [UIDNEXT {self._folder.next_uid}] ok")
        return None

    def _uid_search(self, arguments: str) -> None:
        self._told = self._folder.next_uid
        uids = set(self._folder.messages)
        if "UNDELETED" in arguments:
            uids -= self._folder.deleted
        if found := re.match(r"UID (\d+):(\d+)", arguments):
            first, last = sorted(map(int, found.groups()))
            uids = {uid for uid in uids if first <= uid <= last}
        if found := re.match(r"OLDER (\d+)", arguments):
            before = datetime.now(UTC) - timedelta(seconds=int(found[1]))
            uids = {uid for uid in uids if self._folder.dates[uid] < before}
        self._say(f"* SEARCH {' '.join(map(str, sorted(uids)))}")

    def _uid_fetch(self, arguments: str) -> None:
        uid = int(arguments.split(" ")[0])
        content = self._folder.messages.get(uid)
        if content is None:
            return
        date = self._folder.dates.get(uid, datetime.now(UTC)).strftime("%d-%b-%Y %H:%M:%S +0000")
        if "BODY" not in arguments:
            self._say(f'* {uid} FETCH (UID {uid} INTERNALDATE "{date}")')
            return
        offset, octets = map(int, re.search(r"<(\d+)\.(\d+)>", arguments).groups())
        piece = content[offset : offset + octets]
        self._say(
            f"* {uid} FETCH (UID {uid} RFC822.SIZE {len(content)} "
            f'INTERNALDATE "{date}" BODY[]<{offset}> {{{len(piece)}}}'
        )
        self._sock.sendall(piece + b")\r\n")

    def _uid_move(self, arguments: str) -> str | None:
        uids, name = re.match(r'(\S+) "(.*)"', arguments).groups()
        if name not in self._server.folders:
            return "NO [TRYCREATE] no such folder"
        for uid in map(int, uids.split(",")):
            if uid in self._folder.messages:
                # Like any server, it keeps the date of the first arrival.
                self._server.folders[name].add(self._folder.messages.pop(uid), self._folder.dates.get(uid))
        return None

    def _uid_copy(self, arguments: str) -> None:
        uids, name = re.match(r'(\S+) "(.*)"', arguments).groups()
        for uid in map(int, uids.split(",")):
            self._server.folders[name].add(self._folder.messages[uid], self._folder.dates.get(uid))

    def _uid_store(self, arguments: str) -> None:
        uids, _, _flags = arguments.partition(" ")
        self._folder.deleted.update(map(int, uids.split(",")))

    def _uid_expunge(self, arguments: str) -> None:
        for uid in set(map(int, arguments.split(","))) & self._folder.deleted:
            self._folder.messages.pop(uid, None)

    def _idle(self, _arguments: str) -> None:
        self._say("+ idling")
        with self._server.idling(lambda: self._say("* 99 EXISTS")):
            # What arrived since the client looked is told at once, as real servers do.
            if self._folder.next_uid != self._told or self._server.always_tells:
                self._say("* 99 EXISTS")
            if not self._server.ends_idle:
                self._file.readline()

    def _logout(self, _arguments: str) -> None:
        self._say("* BYE bye")
