"""The milter of the submission service: whom, what and how much a customer may send."""

import os
import re
import signal
import subprocess
from email.utils import getaddresses

import Milter

from stand_in.content import forbidden_attachment, header_octets, matching_header
from stand_in.state import State

SOCKET = "inet:8890@127.0.0.1"


class Submission(Milter.Base):
    """One connection of a customer."""

    def __init__(self) -> None:
        self._state = State()
        self._peer_port = 0
        self._start("")

    def connect(self, hostname: str, family: int, peer) -> int:
        self._peer_port = peer[1]
        return Milter.CONTINUE

    def envfrom(self, sender: str, *options: str) -> int:
        self._start(self.getsymval("{auth_authen}") or "")
        address = _bare(sender)
        if self._state.get("smtpban") == "on" and self._state.get("smtpban_login") in ("", self._login):
            return self._refuse("smtpban", self._state.get("smtpban_reply"))
        if not self._may_send_as(address):
            return self._refuse(
                "sender", f"553 5.7.1 <{address}>: Sender address rejected: not owned by user {self._login}"
            )
        if self._state.get("quota_stage") == "mail" and self._left() <= 0:
            return self._over_quota()
        return self._fault("mail")

    def envrcpt(self, recipient: str, *options: str) -> int:
        if self._recipients >= self._state.number("recipients"):
            return self._refuse("recipients", "452 4.5.3 Error: too many recipients")
        if self._state.get("quota_stage") == "rcpt" and self._left() <= 0:
            return self._over_quota()
        answer = self._fault("rcpt")
        if answer == Milter.CONTINUE:
            self._recipients += 1
        return answer

    def data(self) -> int:
        # At this stage the whole message is refused: it comes too late to choose among its recipients.
        if self._state.get("quota_stage") == "data" and self._left() < 0:
            return self._over_quota()
        return self._fault("data")

    def header(self, name: str, value: str) -> int:
        self._headers.append((name, value))
        return Milter.CONTINUE

    def body(self, chunk: bytes) -> int:
        self._body += chunk
        return Milter.CONTINUE

    def eom(self) -> int:
        refusal = self._unwanted()
        if refusal is None and (fault := self._fault("end")) != Milter.CONTINUE:
            refusal = fault
        return self._accept() if refusal is None else refusal

    # -- decisions

    def _start(self, login: str) -> None:
        self._login = login
        self._recipients = 0
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()

    def _may_send_as(self, address: str, plus: bool = True) -> bool:
        if not address:
            return self._state.get("null_sender") == "accepted"
        if plus and self._state.get("plus_sender") == "accepted":
            address = re.sub(r"\+[^@]*@", "@", address)
        if self._state.get("alias_sender") == "refused":
            return address == self._login
        return address in self._state.addresses(self._login)

    def _left(self) -> float:
        """Recipients that the quota still allows, those of the message in hand counted as spent."""
        return self._state.number("quota") - self._state.spent(self._login) - self._recipients

    def _over_quota(self) -> int:
        return self._refuse("quota", self._state.get("quota_reply"))

    def _unwanted(self) -> int | None:
        if author := self._foreign_author():
            return self._refuse("from", f"553 5.7.1 <{author}>: From header rejected: not owned by {self._login}")
        if matching_header(self._headers, self._state.get("header_rule")):
            return self._refuse("header", "554 5.7.0 AV: message rejected by header rules filter")
        if name := forbidden_attachment(header_octets(self._headers) + b"\n" + self._body):
            return self._refuse("attachment", f"554 5.7.0 AV: forbidden attachment {name!r}")
        return None

    def _foreign_author(self) -> str | None:
        if self._state.get("foreign_author") == "accepted":
            return None
        authors = getaddresses([value for name, value in self._headers if name.lower() == "from"])
        return next((address for _, address in authors if not self._may_send_as(address.lower(), plus=False)), None)

    def _accept(self) -> int:
        cut = self._state.take_fault("cut_refused", "cut_accepted")
        if cut:
            self._state.note(self._login, cut, self._recipients, "connection cut before the answer")
            self._cut_connection()
        if cut == "cut_refused":
            return Milter.TEMPFAIL
        subject = dict(self._headers).get("Subject", "")
        self._state.note(self._login, "accepted", self._recipients, subject)
        return Milter.ACCEPT

    def _fault(self, stage: str) -> int:
        if self._state.take_fault(stage):
            return self._refuse("fault", self._state.get("fault_reply"))
        return Milter.CONTINUE

    def _refuse(self, kind: str, reply: str) -> int:
        self._state.note(self._login, kind, self._recipients, reply)
        code, extended, text = reply.encode("ascii", "replace").decode().split(" ", 2)
        self.setreply(code, extended, text)
        return Milter.TEMPFAIL if code.startswith("4") else Milter.REJECT

    def _cut_connection(self) -> None:
        """Kill the server process of this connection: the customer sees it close without an answer."""
        listing = subprocess.run(
            ["ss", "-Htnp", "state", "established", f"( sport = :587 or sport = :465 ) and dport = :{self._peer_port}"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        for pid in re.findall(r'"smtpd",pid=(\d+)', listing):
            os.kill(int(pid), signal.SIGKILL)


def _bare(address: str) -> str:
    return address.strip("<>").lower()


def serve() -> None:
    """Run the milter until the process ends."""
    Milter.factory = Submission
    Milter.runmilter("stand-in", SOCKET, 300)
