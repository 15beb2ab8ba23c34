"""The stand-in from a test's side: start it, change it, send and read mail, wait for what should happen."""

import base64
import io
import json
import shlex
import tarfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import TypeVar

from infomaniak import certificates
from infomaniak.messages import Received
from lab import Host, Lab
from lab.commands import wait_for
from lab.hosts import BOOT_SECONDS
from lab.mounts import nameservers, resolver_file

T = TypeVar("T")
HOSTS = {"infomaniak": "services", "strict": "services"}
LOOK_SECONDS = 60
# A message that moves on while the folders are read is met in the next one. `postqueue` reads them in another order:
# under load it has missed messages that went from `deferred` to `active`.
_QUEUE_FOLDERS = "maildrop hold deferred incoming active deferred hold"
POSTFIX_IDLE = f'[ -z "$(cd /var/spool/postfix && find {_QUEUE_FOLDERS} -type f -print -quit)" ]'
"""A shell condition on a host: Postfix has no message queued."""
_BOOTED = "systemctl is-system-running | grep -qE '^(running|degraded)$'"
SELECTOR = "20251103"
SUFFIXES = ("", "-bounces", "-confirm", "-join", "-leave", "-owner", "-request", "-subscribe", "-unsubscribe")
_HOST_FILES = Path(__file__).resolve().parent / "host"


@dataclass(frozen=True)
class Mailbox:
    """A customer's mailbox."""

    login: str
    password: str

    @property
    def domain(self) -> str:
        """The customer's domain."""
        return self.login.partition("@")[2]


class StandIn:
    """The mail service and the strict receiver in a lab."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.service: Host = lab.host("infomaniak")
        self.strict: Host = lab.host("strict")
        self.ca_file = lab.directory / "infomaniak/ca.pem"

    # -- life

    @classmethod
    def up(cls, lab: Lab) -> "StandIn":
        """Start the stand-in in a lab, unless it is there already, and make it the lab's name server.

        One whose set-up was interrupted is made anew: nobody knows how far it came.
        """
        if not _complete(lab).exists():
            for name in HOSTS.keys() & lab.hosts.keys():
                lab.host(name).destroy()
            lab.add(HOSTS)
            cls(lab)._set_up()
            lab.resolve_with("infomaniak")
            _complete(lab).touch()
        # A host that was restored opens its ssh port before its mail server listens.
        for name in HOSTS:
            lab.host(name).wait_until(_BOOTED, f"{name} to start its services", BOOT_SECONDS)
        return cls(lab)

    # -- the customers

    def add_mailbox(self, login: str, password: str = "device-password-1", dmarc: str = "reject") -> Mailbox:
        """Host the login's domain, with that DMARC policy, and make the mailbox."""
        mailbox = Mailbox(login, password)
        self.control("domain", mailbox.domain, "--dmarc", dmarc)
        self.control("mailbox", login, stdin=password)
        return mailbox

    def add_aliases(self, mailbox: Mailbox, *local_parts: str) -> None:
        """Make aliases of the mailbox in its own domain."""
        self.control("alias", mailbox.login, *(f"{local}@{mailbox.domain}" for local in local_parts))

    def add_list_aliases(self, mailbox: Mailbox, *lists: str) -> None:
        """Make the aliases that lists of these names need, and `postorius`."""
        self.add_aliases(mailbox, "postorius", *(f"{name}{suffix}" for name in lists for suffix in SUFFIXES))

    def remove_aliases(self, mailbox: Mailbox, *local_parts: str) -> None:
        """Remove aliases."""
        self.control("unalias", *(f"{local}@{mailbox.domain}" for local in local_parts))

    def add_records(self, *lines: str) -> None:
        """Add records to the name server, as lines of dnsmasq's configuration."""
        self.control("records", *lines)

    def add_host(self, name: str, address: str) -> None:
        """Let a name resolve to an address, and back."""
        self.add_records(f"host-record={name},{address}")

    # -- the service

    def set(self, switch: str, value: object) -> None:
        """Put a switch in a position; `stand-in switches` on the host explains them."""
        self.control("set", switch, str(value))

    def reset(self) -> None:
        """Put every switch in its default position, counters to zero, lift bans."""
        self.control("reset")

    def status(self) -> dict:
        """What was accepted and refused: messages, recipients, refused (reason → number), spent, switches, …"""
        return json.loads(self.control("status"))

    def events(self) -> list[dict]:
        """Every acceptance and refusal, in order."""
        return json.loads(self.control("events"))

    def accepted(self, mailbox: Mailbox) -> list[str]:
        """The subjects of what the service took from a customer, in order."""
        return [event["detail"] for event in self._events_of(mailbox) if event["kind"] == "accepted"]

    def refusals(self, mailbox: Mailbox) -> list[str]:
        """What the service said when it refused something to a customer, in order."""
        return [event["detail"] for event in self._events_of(mailbox) if event["kind"] != "accepted"]

    def _events_of(self, mailbox: Mailbox) -> list[dict]:
        return [event for event in self.events() if event["login"] == mailbox.login]

    def inbox(self, mailbox: Mailbox) -> list[Received]:
        """What lies in the INBOX of a mailbox, without touching it."""
        return _received(self.control("inbox", mailbox.login))

    # -- the world

    def post(self, sender: str, recipients: str | Iterable[str], message: EmailMessage) -> None:
        """Send a message as a user of strict.test, bank.test (p=reject) or plain.test, through their server."""
        recipients = [recipients] if isinstance(recipients, str) else list(recipients)
        _control(self.strict, "send", sender, *recipients, stdin=message.as_string())

    def received(self, address: str) -> list[Received]:
        """What an address at the strict receiver has received."""
        return _received(_control(self.strict, "received", address))

    def counts(self) -> dict[str, int]:
        """address → number of messages received, for all addresses that received any."""
        return json.loads(_control(self.strict, "counts"))

    def forget(self) -> None:
        """Empty all mailboxes of the strict receiver."""
        _control(self.strict, "forget")

    # -- waiting

    def wait_for_mail(
        self, address: str, seconds: float = 180, where: Callable[[Received], bool] = lambda received: True
    ) -> Received:
        """Wait until an address received a message for which `where` holds; return it."""

        deadline, known = time.monotonic() + seconds, -1

        def arrived() -> Received | None:
            nonlocal known
            remaining = max(0.0, min(LOOK_SECONDS, deadline - time.monotonic()))
            # It returns at once when there is one that we haven't seen.
            words = ("received", address, "--known", str(known), "--seconds", f"{remaining:.1f}")
            received = _received(_control(self.strict, *words))
            known = len(received)
            return next(filter(where, received), None)

        return wait_for(arrived, f"a message to {address}", seconds)

    def wait(self, condition: Callable[[], T], what: str, seconds: float = 180) -> T:
        """Wait for a condition; `LabError` when it doesn't come true."""
        return wait_for(condition, what, seconds)

    def journals(self, since: float) -> str:
        """What the journals of the lab's running hosts say since then (seconds of the epoch), at most their ends."""
        hosts = [host for host in self.lab.hosts.values() if host.alive()]
        return "\n".join(f"--- {host.name}\n{host.journal(since=since)}" for host in hosts)

    def control(self, *words: str, stdin: str | None = None) -> str:
        """Run `stand-in …` on the mail service's host."""
        return _control(self.service, *words, stdin=stdin)

    # -- inside

    def _set_up(self) -> None:
        certificate, key = certificates.make(self.ca_file.parent, *certificates.NAMES)
        infomaniak_private, infomaniak_public = certificates.signing_pair()
        strict_private, strict_public = certificates.signing_pair()
        facts = {
            "infomaniak": self.service.address,
            "strict": self.strict.address,
            "resolvers": [address for address in nameservers(resolver_file()) if ":" not in address],
            "selector": SELECTOR,
            "tls_certificate": certificate,
            "tls_key": key,
            "infomaniak_private_key": infomaniak_private,
            "infomaniak_key": infomaniak_public,
            "strict_private_key": strict_private,
            "strict_key": strict_public,
        }
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda host: _configure(host, facts), (self.service, self.strict)))


def _complete(lab: Lab) -> Path:
    """The file that says that the stand-in was set up; it goes away with its host."""
    return lab.directory / "infomaniak/complete"


def _configure(host: Host, facts: dict) -> None:
    """Ship the files and run the set-up, in one go."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.add(_HOST_FILES, ".", filter=lambda entry: None if "__pycache__" in entry.name else entry)
    command = "mkdir -p /opt/stand-in && base64 -d | tar -xz -C /opt/stand-in --no-same-owner"
    host.run(command, stdin=base64.b64encode(archive.getvalue()).decode())
    host.run(f"python3 /opt/stand-in/setup.py {host.name}", stdin=json.dumps(facts))


def _control(host: Host, *words: str, stdin: str | None = None) -> str:
    return host.run(shlex.join(["stand-in", *words]), stdin=stdin)


def _received(listing: str) -> list[Received]:
    return [Received(text.encode("ascii", "surrogateescape")) for text in json.loads(listing)]
