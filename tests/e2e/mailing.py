"""A mailing list under test, from the outside: by mail, and by the REST API for what an owner would do in Postorius."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import EmailMessage

from deployment import Deployment, Site
from e2e import rest
from infomaniak import Received, compose
from infomaniak.service import POSTFIX_IDLE, SUFFIXES

DELIVERY_SECONDS = 120
MAILMAN_IDLE = (
    "[ -z \"$(find /var/lib/mailman3/queue '(' -name '*.pck' -o -name '*.bak' ')'"
    " -not -path '*/shunt/*' -not -path '*/bad/*')\" ]"
)
"""A shell condition on a host: Mailman has nothing to do."""


def subject() -> str:
    """A subject that occurs once."""
    return f"About {secrets.token_hex(4)}"


def person(name: str = "person", domain: str = "strict.test") -> str:
    """An address that nobody else in this run has."""
    return f"{name}-{secrets.token_hex(3)}@{domain}"


@dataclass(frozen=True)
class MailingList:
    """One list of a deployed host."""

    deployment: Deployment
    site: Site
    name: str

    @property
    def address(self) -> str:
        """Where one posts to."""
        return self.site.address(self.name)

    @property
    def list_id(self) -> str:
        """What Mailman calls the list inside."""
        return f"{self.name}.{self.site.domain}"

    def sub(self, what: str) -> str:
        """A sub-address, for instance `join`."""
        return self.site.address(f"{self.name}-{what}")

    # -- as an owner

    def rest(self, method: str, path: str, **fields: object) -> dict:
        """Call Mailman core's REST API on the host."""
        return rest.call(self.site, method, path, **fields)

    def create(self) -> None:
        """Make the list, and its aliases at the mail service."""
        self.rest("POST", "lists", fqdn_listname=self.address)
        self.deployment.stand_in.add_list_aliases(self.site.mailbox, self.name)

    def delete(self) -> None:
        """Remove the list, its aliases and what the relay still has of it, once Mailman has nothing left to say for it.

        Mailman would set aside what comes later. The relay would try it again and again, in the middle of other tests.
        """
        self.site.host.wait_until(MAILMAN_IDLE, "Mailman's queues to be empty", DELIVERY_SECONDS)
        self.rest("DELETE", f"lists/{self.address}")
        of_this_list = f"""postqueue -j | sed -n '/"sender": "{self.name}-/ s/.*"queue_id": "\\([^"]*\\)".*/\\1/p'"""
        self.site.host.run(f"{of_this_list} | postsuper -d -")
        self.deployment.stand_in.remove_aliases(self.site.mailbox, *(f"{self.name}{suffix}" for suffix in SUFFIXES))

    def configure(self, **settings: object) -> None:
        """Change settings."""
        self.rest("PATCH", f"lists/{self.address}/config", **settings)

    def add(self, *addresses: str, **fields: object) -> None:
        """Subscribe addresses, without asking anybody."""
        agreed = {"pre_verified": True, "pre_confirmed": True, "pre_approved": True}
        member = {"list_id": self.list_id, **agreed, **fields}
        rest.send(self.site, [rest.request("POST", "members", **member, subscriber=address) for address in addresses])

    def add_owner(self, address: str) -> None:
        """Make somebody an owner."""
        self.rest("POST", "members", list_id=self.list_id, subscriber=address, role="owner", pre_verified=True)

    def members(self) -> list[str]:
        """The subscribers' addresses."""
        entries = self.rest("GET", f"lists/{self.address}/roster/member").get("entries", [])
        return [entry["email"] for entry in entries]

    def member(self, address: str) -> dict:
        """What Mailman knows of a subscriber."""
        return self.rest("GET", f"lists/{self.address}/member/{address}")

    def state(self) -> dict:
        """Everything that an export has, except the people and templates."""
        config = self.rest("GET", f"lists/{self.address}/config")
        passing = {"created_at", "http_etag", "last_post_at", "post_id"}
        filters = {
            name: [
                {key: value for key, value in entry.items() if key not in ("http_etag", "self_link")}
                for entry in self.rest("GET", f"lists/{self.address}/{name}").get("entries", [])
            ]
            for name in ("bans", "header-matches")
        }
        return {**{name: value for name, value in config.items() if name not in passing}, **filters}

    def held(self) -> list[dict]:
        """The posts that wait for a moderator."""
        return self.rest("GET", f"lists/{self.address}/held").get("entries", [])

    def moderate(self, request: dict, action: str) -> None:
        """Decide on a post that waits: accept, reject, discard, defer."""
        self.rest("POST", f"lists/{self.address}/held/{request['request_id']}", action=action)

    # -- as somebody with a mail program

    def post(self, sender: str, subject: str, body: str = "Hello.\n", **headers: str) -> EmailMessage:
        """Post to the list."""
        message = compose(sender, self.address, subject, body, **headers)
        self.deployment.stand_in.post(sender, self.address, message)
        return message

    def command(self, sender: str, what: str) -> None:
        """Write to a sub-address."""
        self.deployment.stand_in.post(sender, self.sub(what), compose(sender, self.sub(what), "Please"))

    def answer(self, reader: str, request: Received) -> None:
        """Answer a message as a mail program does."""
        to = request["Reply-To"] or request["From"]
        address = re.sub(r".*<(.*)>.*", r"\1", to)
        message = compose(reader, address, f"Re: {request['Subject']}", In_Reply_To=request["Message-ID"])
        self.deployment.stand_in.post(reader, address, message)

    def arrives(self, reader: str, *words: str, seconds: float = DELIVERY_SECONDS) -> Received:
        """Wait for a message whose subject has all the words."""
        return self.deployment.stand_in.wait_for_mail(
            reader, seconds, lambda mail: all(word.lower() in mail["Subject"].lower() for word in words)
        )

    # -- watching

    def settle(self) -> None:
        """Wait until no message is on its way, neither on this host nor at the mail service."""
        stand_in = self.deployment.stand_in
        inbox = f"/var/vmail/{self.site.mailbox.login}/Maildir/new /var/vmail/{self.site.mailbox.login}/Maildir/cur"
        # In the order of a message's way, from a sender to a reader.
        conditions = [
            (stand_in.strict, POSTFIX_IDLE),
            (stand_in.service, f'{POSTFIX_IDLE} && [ -z "$(find {inbox} -type f 2>/dev/null)" ]'),
            (self.site.host, f"{MAILMAN_IDLE} && {POSTFIX_IDLE}"),
            (stand_in.service, POSTFIX_IDLE),
            (stand_in.strict, POSTFIX_IDLE),
        ]

        def idle_at_once() -> bool:
            for host, condition in conditions:
                host.wait_until(condition, f"{host.name}'s queues to be empty", 2 * DELIVERY_SECONDS)
            return all(host.try_run(condition).returncode == 0 for host, condition in conditions)

        stand_in.wait(idle_at_once, "all queues to be empty at once", 2 * DELIVERY_SECONDS)

    def copies(self, readers: Iterable[str], subject: str) -> dict[str, int]:
        """How many messages with that subject each reader has."""
        received = self.deployment.stand_in.received
        return {reader: sum(subject in mail["Subject"] for mail in received(reader)) for reader in readers}
