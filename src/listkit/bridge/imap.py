"""A thin IMAP client: what the bridge needs of RFC 3501, IDLE (2177), UIDPLUS (4315) and MOVE (6851).

`imaplib` has no IDLE before Python 3.14 and holds a whole message in memory; this client reads a message in slices, and
limits every wait. After any error but `CommandRefused` the connection is unusable.
"""

from __future__ import annotations

import base64
import re
import select
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass

from listkit.bridge.imap_connection import LONGEST_LITERAL, Connection, ImapError, Response, tls_socket

SLICE_OCTETS = LONGEST_LITERAL

# The server has a problem of its own; the password may be right (RFC 5530).
_SERVER_ERROR_CODES = frozenset({"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "CORRUPTION", "OVERQUOTA"})


class LoginRefused(ImapError):
    """The server answered NO to the account and password, and not because of a problem of its own."""


class CommandRefused(ImapError):
    """The server refused a fetch, a move or a deletion. The connection is still usable."""


@dataclass(frozen=True, slots=True)
class Selected:
    """A selected folder; `uidnext` is above every UID in it so far, and 0 where the server omits it."""

    name: str
    uidvalidity: int
    uidnext: int = 0


@dataclass(frozen=True, slots=True)
class Slice:
    """A piece of a message; `size` and `internal_date` are the whole message's."""

    size: int
    internal_date: str
    octets: bytes


def connect(host: str, port: int, context: ssl.SSLContext, timeout_seconds: float) -> Imap:
    """Connect by TLS and read the greeting. Raises `CertificateRefused`, and `ImapError`."""
    return Imap(tls_socket(host, port, context, timeout_seconds))


class Imap:
    """One connection. Every method raises `ImapError` when the connection is lost or the server refuses."""

    def __init__(self, sock: socket.socket) -> None:
        """Read the greeting and the capabilities from a connected socket with a timeout."""
        self._connection = Connection(sock)
        self._number = 0
        self._capabilities: frozenset[str] = frozenset()
        self._prefix = ""
        self.selected: Selected | None = None
        self.has_new_mail = False  # the server announced new messages since the last search
        greeting = self._connection.read_response()
        if not greeting.text.upper().startswith("OK"):
            raise ImapError(f"the server greets with: {greeting.text}")
        self._read_capabilities()

    def set_timeout(self, seconds: float) -> None:
        """Limit the wait for any one piece of an answer."""
        self._connection.set_timeout(seconds)

    def login(self, account: str, password: str) -> None:
        """Log in. Raises `LoginRefused`."""
        initial = base64.b64encode(f"\0{account}\0{password}".encode()).decode()
        if "AUTH=PLAIN" in self._capabilities and "SASL-IR" in self._capabilities:
            answer = self._exchange(f"AUTHENTICATE PLAIN {initial}")
        elif "AUTH=PLAIN" in self._capabilities:
            answer = self._exchange("AUTHENTICATE PLAIN", initial)
        else:
            answer = self._exchange(f"LOGIN {_quoted(account)} {_quoted(password)}")
        if answer.text.upper().startswith("NO") and answer.code not in _SERVER_ERROR_CODES:
            raise LoginRefused(answer.text)
        self._require_ok(answer, "login")

    def prepare(self) -> None:
        """Read the capabilities after the login. Raises `ImapError` when they aren't sufficient."""
        self._read_capabilities()
        if not self._capabilities & {"MOVE", "UIDPLUS"}:
            raise ImapError("the server has neither MOVE nor UIDPLUS: no message can be taken out of a folder safely")
        self._read_prefix()

    @property
    def can_idle(self) -> bool:
        """Whether the server has IDLE."""
        return "IDLE" in self._capabilities

    def create(self, folder: str) -> None:
        """Create a folder unless it exists."""
        answer = self._exchange(f"CREATE {self._folder(folder)}")
        if answer.text.upper().startswith("BAD"):
            raise ImapError(f"CREATE {folder}: {answer.text}")
        self._exchange(f"SUBSCRIBE {self._folder(folder)}")

    def count(self, folder: str) -> int | None:
        """Count the messages of a folder without selecting it; None when there is no such folder."""
        untagged, answer = self._converse(f"STATUS {self._folder(folder)} (MESSAGES)")
        if answer.text.upper().startswith("NO"):
            return None
        self._require_ok(answer, "STATUS")
        for response in untagged:
            if found := re.search(r"\bMESSAGES (\d+)", response.text, re.IGNORECASE):
                return int(found[1])
        raise ImapError("STATUS was answered without MESSAGES")

    def select(self, folder: str) -> Selected | None:
        """Select a folder for reading and writing; None when there is no such folder."""
        if self.selected and self.selected.name == folder:
            return self.selected
        self.selected = None
        untagged, answer = self._converse(f"SELECT {self._folder(folder)}")
        if answer.text.upper().startswith("NO"):
            return None
        self._require_ok(answer, "SELECT")
        uidvalidity = _number_in_code(untagged, "UIDVALIDITY")
        if not uidvalidity:
            raise ImapError(f"the server gave no UIDVALIDITY for {folder}")
        self.selected = Selected(folder, uidvalidity, _number_in_code(untagged, "UIDNEXT"))
        return self.selected

    def search(self, criteria: str) -> list[int]:
        """Return the UIDs of the messages of the selected folder that meet the criteria, ascending."""
        self.has_new_mail = False
        uids: set[int] = set()
        for response in self._command(f"UID SEARCH {criteria}"):
            kind, _, rest = response.text.partition(" ")
            if kind.upper() == "SEARCH":
                uids.update(int(word) for word in rest.split() if word.isdigit())
        return sorted(uids)

    def slices(self, uid: int) -> Iterator[Slice]:
        """Yield a message of the selected folder piece by piece; nothing when it is gone.

        Raises `CommandRefused`, and `ImapError` when the message is shorter than the server said: never half a message.
        """
        offset, last = 0, SLICE_OCTETS
        while True:
            piece = self._slice(uid, offset)
            if piece is None and offset == 0:
                return
            # A short slice followed by an empty one is the real end: the size may be wrong for messages with bare LF.
            if piece is None or (not piece.octets and offset < piece.size and last == SLICE_OCTETS):
                raise ImapError(f"message {uid} ended after {offset} octets")
            yield piece
            last = len(piece.octets)
            offset += last
            if not last or (last < SLICE_OCTETS and offset >= piece.size):
                return

    def _slice(self, uid: int, offset: int) -> Slice | None:
        what = f"(UID RFC822.SIZE INTERNALDATE BODY.PEEK[]<{offset}.{SLICE_OCTETS}>)"
        untagged, answer = self._converse(f"UID FETCH {uid} {what}")
        if answer.text.upper().startswith("NO"):
            raise CommandRefused(f"UID FETCH: {answer.text}")
        self._require_ok(answer, "UID FETCH")
        for response in untagged:
            if " FETCH " in f" {response.text.upper()}" and re.search(rf"\bUID {uid}\b", response.text):
                size = re.search(r"RFC822\.SIZE (\d+)", response.text)
                date = re.search(r'INTERNALDATE "([^"]*)"', response.text)
                body = re.search(r'BODY\[\](?:<\d+>)? (?:"((?:[^"\\]|\\.)*)"|NIL|\{\})', response.text)
                if size and date and body:
                    octets = response.literals[0] if response.literals else _unquoted(body[1] or "")
                    return Slice(int(size[1]), date[1], octets)
        return None

    def internal_date(self, uid: int) -> str:
        """When a message of the selected folder arrived; empty when the server omits it."""
        for response in self._converse(f"UID FETCH {uid} (UID INTERNALDATE)")[0]:
            date = re.search(r'INTERNALDATE "([^"]*)"', response.text)
            if date and re.search(rf"\bUID {uid}\b", response.text):
                return date[1]
        return ""

    def move(self, uids: list[int], folder: str) -> None:
        """Move messages of the selected folder. Where the server has no MOVE a crash leaves a copy, never a loss.

        Raises `CommandRefused`.
        """
        for group in _groups(uids):
            if "MOVE" in self._capabilities:
                self._run_or_refuse(f"UID MOVE {group} {self._folder(folder)}")
            else:
                self._run_or_refuse(f"UID COPY {group} {self._folder(folder)}")
                self._delete(group)

    def delete(self, uids: list[int]) -> None:
        """Delete messages of the selected folder for good. Raises `CommandRefused`."""
        for group in _groups(uids):
            self._delete(group)

    def _delete(self, group: str) -> None:
        self._run_or_refuse(f"UID STORE {group} +FLAGS.SILENT (\\Deleted)")
        # A plain EXPUNGE would also remove messages that a person has marked in the webmail.
        self._run_or_refuse(f"UID EXPUNGE {group}" if "UIDPLUS" in self._capabilities else "NOOP")

    def _run_or_refuse(self, command: str) -> None:
        answer = self._exchange(command)
        if not answer.text.upper().startswith("OK"):
            raise CommandRefused(f"{' '.join(command.split(' ')[:2])}: {answer.text}")

    def idle(self, seconds: float, wake: socket.socket) -> None:
        """IDLE on the selected folder until something happens there, `wake` becomes readable or the time is over.

        The server, too, may end it.
        """
        if self.has_new_mail:
            return
        if not self.can_idle:
            select.select([wake], [], [], seconds)
            self._command("NOOP")
            return
        tag = self._send("IDLE")
        self._await_continuation("IDLE")
        deadline = time.monotonic() + seconds
        while not self.has_new_mail and self._connection.readable(deadline - time.monotonic(), wake):
            response = self._connection.read_response()
            if response.tag == tag:
                self._require_ok(response, "IDLE")
                return
            self._note(response)
        self._connection.write("DONE")
        self._require_ok(self._collect(tag)[1], "IDLE")

    def _await_continuation(self, command: str) -> None:
        while (response := self._connection.read_response()).tag != "+":
            if response.tag != "*":
                raise ImapError(f"{command}: {response.text}")
            self._note(response)

    def close(self) -> None:
        """Close the connection at once."""
        self._connection.close()

    def logout(self) -> None:
        """Log out if the connection still works, and close it."""
        try:
            self._exchange("LOGOUT")
        except ImapError:
            pass
        finally:
            self.close()

    def _read_capabilities(self) -> None:
        words: set[str] = set()
        for response in self._command("CAPABILITY"):
            kind, _, rest = response.text.partition(" ")
            if kind.upper() == "CAPABILITY":
                words.update(rest.upper().split())
        self._capabilities = frozenset(words)

    def _read_prefix(self) -> None:
        """Read the prefix of folder names: some servers keep every folder below "INBOX."."""
        if "NAMESPACE" not in self._capabilities:
            return
        for response in self._command("NAMESPACE"):
            if found := re.match(r'NAMESPACE \(\("((?:[^"\\]|\\.)*)"', response.text, re.IGNORECASE):
                self._prefix = _unquoted(found[1]).decode("ascii", "replace")

    def _folder(self, name: str) -> str:
        return _quoted(name if name.upper() == "INBOX" else self._prefix + _modified_utf7(name))

    def _command(self, command: str) -> list[Response]:
        untagged, answer = self._converse(command)
        self._require_ok(answer, command.split(" ")[0])
        return untagged

    def _exchange(self, command: str, continuation: str | None = None) -> Response:
        return self._converse(command, continuation)[1]

    def _converse(self, command: str, continuation: str | None = None) -> tuple[list[Response], Response]:
        tag = self._send(command)
        return self._collect(tag, continuation)

    def _send(self, command: str) -> str:
        self._number += 1
        tag = f"b{self._number}"
        self._connection.write(f"{tag} {command}")
        return tag

    def _collect(self, tag: str, continuation: str | None = None) -> tuple[list[Response], Response]:
        """Read up to the answer that carries the tag."""
        untagged: list[Response] = []
        while (response := self._connection.read_response()).tag != tag:
            if response.tag == "+" and continuation is not None:
                self._connection.write(continuation)
                continuation = None
                continue
            self._note(response)
            untagged.append(response)
        return untagged, response

    def _note(self, response: Response) -> None:
        if re.match(r"\d+ EXISTS", response.text, re.IGNORECASE):
            self.has_new_mail = True
        if response.tag == "*" and response.text.upper().startswith("BYE"):
            raise ImapError(f"the server closed the connection: {response.text}")

    @staticmethod
    def _require_ok(answer: Response, command: str) -> None:
        if not answer.text.upper().startswith("OK"):
            raise ImapError(f"{command}: {answer.text}")


def _number_in_code(responses: list[Response], code: str) -> int:
    """The number in a response code such as [UIDNEXT 7], or 0."""
    for response in responses:
        if found := re.search(rf"\[{code} (\d+)\]", response.text, re.IGNORECASE):
            return int(found[1])
    return 0


def _groups(uids: list[int], size: int = 200) -> Iterator[str]:
    """Command lines have a limit of their own at many servers."""
    for start in range(0, len(uids), size):
        yield ",".join(map(str, uids[start : start + size]))


def _modified_utf7(name: str) -> str:
    """Write a folder's name as IMAP has it (RFC 3501, 5.1.3)."""

    def shifted(run: re.Match[str]) -> str:
        if run[0] == "&":
            return "&-"
        return "&" + base64.b64encode(run[0].encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-"

    return re.sub(r"&|[^ -~]+", shifted, name)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _unquoted(text: str) -> bytes:
    return re.sub(r"\\(.)", r"\1", text).encode("utf-8", "surrogateescape")
