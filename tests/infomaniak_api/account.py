"""What a customer has at the provider: mailboxes, redirections, device passwords and DNS zones, with its rules."""

from __future__ import annotations

import ipaddress
import itertools
import secrets
from dataclasses import dataclass, field
from typing import Any

DNS_TYPES = ("A", "AAAA", "CAA", "CNAME", "DNAME", "DS", "MX", "NS", "SMIMEA", "SRV", "SSHFP", "TLSA", "TXT")
APEX = "."
CATCH_ALL = "catchall"
FORWARDINGS_AT_MOST = 100
# Mailbox fields that are answered only when `with` asks for them.
ON_REQUEST = (
    "aliases",
    "auto_responder",
    "external_mail_flag_enabled",
    "has_auto_responder",
    "has_dkim_signature",
    "has_mail_filtering",
    "has_move_spam",
    "has_redirection",
    "smtpban_auth",
    "smtpban_bounce",
    "smtpban_url",
)


class Refusal(Exception):
    """The provider refuses a request; the text is its error code."""


@dataclass
class Device:
    """A device, and its access to one mailbox."""

    id: int
    label: str
    protocols: str = "imap"
    type: str = "other"
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))

    def as_device(self) -> dict[str, Any]:
        """Return the `Device` of the description."""
        return {"id": self.id, "label": self.label, "type": self.type, "created_at": 1, "device_uid": None}

    def as_access(self, mailbox: str, hosting: int) -> dict[str, Any]:
        """Return the `DeviceAccess` of the description."""
        return {
            "id": self.id,
            "device": self.as_device(),
            "protocols": self.protocols,
            "last_connection": None,
            "created_at": 1,
            "status": "healthy",
            "mailbox_name": mailbox.partition("@")[0],
            "mailbox": mailbox,
            "mailbox_idn": mailbox,
            "service_mail_id": hosting,
            "can_delete": True,
            "can_regenerate": True,
        }


@dataclass
class Mailbox:
    """A mailbox as the provider keeps it."""

    name: str
    aliases: list[str] = field(default_factory=list)
    forwardings: list[str] = field(default_factory=list)
    replies: dict[int, dict[str, Any]] = field(default_factory=dict)
    devices: dict[int, Device] = field(default_factory=dict)
    move_spam: bool = False
    mail_filtering: bool = False
    dkim: bool = True
    smtpban: bool = False

    def add_alias(self, alias: str, limit: int, redirections: set[str]) -> None:
        """Add an alias; one that is there already stays."""
        if self.name == CATCH_ALL:
            raise Refusal("cannot_create_alias_for_generic_mailbox")
        if alias in redirections:
            raise Refusal("cannot_create_alias_with_a_redirection")
        if alias in self.aliases:
            return
        if len(self.aliases) >= limit:
            raise Refusal("alias_limit_reached")
        self.aliases.append(alias)

    def replies_now(self) -> bool:
        """Return whether an autoresponder is active."""
        return any(reply["is_active"] for reply in self.replies.values())


@dataclass
class Redirection:
    """A redirection address and the targets it forwards to, with the time each has agreed."""

    id: str
    name: str
    targets: dict[str, int | None]
    state: str = "enable"

    def as_answer(self, domain: str) -> dict[str, Any]:
        """Return the `Redirection` of the description."""
        times = {"created_at": 1, "updated_at": 1}
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "address": {"id": self.id, "address": f"{self.name}@{domain}", "state": self.state, **times},
            "targets": [self.target(address) for address in self.targets],
            "send_confirmation_requests_enabled": True,
            "send_confirmation_requests_state": "sent",
            **times,
        }

    def target(self, address: str) -> dict[str, Any]:
        """Return the `RedirectionTarget` of the description."""
        agreed = self.targets[address]
        return {
            "id": address,
            "address": address,
            "optin_code": None,
            "optin_expires_at": None,
            "opted_in_at": agreed,
            "created_at": 1,
            "updated_at": 1,
            "state": "enable" if agreed else "pending",
        }


@dataclass
class MailingList:
    """One of the provider's own mailing lists; `config` overrides its usual settings."""

    name: str
    info: str = ""
    subscribers: list[str] = field(default_factory=list)
    moderators: list[str] = field(default_factory=list)
    welcome: str = ""
    goodbye: str = ""
    being_deleted: bool = False
    config: dict[str, Any] = field(default_factory=dict)

    def as_answer(self, domain: str) -> dict[str, Any]:
        """Return the `Mailing list` of the description."""
        usual = {
            "use_reply_to": True,
            "is_reply_to_forced": False,
            "max_message_size": "10240",
            "who_can_send": 0,
            "who_can_subscribe": 0,
            "subject": f"[{self.name}]",
            "lang": "fr",
            "should_send_notifications": True,
        }
        return {
            "mail": f"{self.name}@{domain}",
            "mailIDN": f"{self.name}@{domain}",
            "name": self.name,
            "info": self.info,
            "user_count": len(self.subscribers),
            "being_deleted": self.being_deleted,
            "config": {**usual, **self.config},
            "welcome_message": self.welcome,
            "goodbye_message": self.goodbye,
            "moderator": [{"mail": address, "mailIDN": address} for address in self.moderators],
        }


@dataclass
class Hosting:
    """The mail service of one domain; `alias_limit` is 50 on paid plans and 1 on the free one."""

    id: int
    domain: str
    alias_limit: int = 50
    mailboxes: dict[str, Mailbox] = field(default_factory=dict)
    redirections: dict[str, Redirection] = field(default_factory=dict)
    mailing_lists: dict[str, MailingList] = field(default_factory=dict)
    preferences: dict[str, Any] = field(
        default_factory=lambda: {
            "spam_filter_enabled": True,
            "promotion_filter_enabled": True,
            "external_mail_flag_enabled": True,
            "authorized_senders": [],
            "blocked_senders": [],
            "default_permissions": {},
            "created_at": 1,
            "updated_at": 1,
        }
    )

    def is_starter(self) -> bool:
        """Return whether this is the free plan."""
        return self.alias_limit == 1

    def mailbox_answer(self, mailbox: Mailbox, wanted: set[str]) -> dict[str, Any]:
        """Return the `Mailbox` of the description, with the fields on request that are `wanted`."""
        on_request = {
            "aliases": mailbox.aliases,
            "auto_responder": {"is_active": mailbox.replies_now()},
            "external_mail_flag_enabled": str(self.preferences["external_mail_flag_enabled"]).lower(),
            "has_auto_responder": mailbox.replies_now(),
            "has_dkim_signature": mailbox.dkim,
            "has_mail_filtering": mailbox.mail_filtering,
            "has_move_spam": mailbox.move_spam,
            "has_redirection": bool(mailbox.forwardings),
            "smtpban_auth": "false",
            "smtpban_bounce": str(mailbox.smtpban).lower(),
            "smtpban_url": "https://manager.example/unblock" if mailbox.smtpban else None,
        }
        return {
            "mailbox_name": mailbox.name,
            "mailbox": f"{mailbox.name}@{self.domain}",
            "mailbox_idn": f"{mailbox.name}@{self.domain}",
            "is_limited": False,
            "is_free_mail": self.is_starter(),
            "note": None,
            "type": 1,
            "users": [],
            **{name: on_request[name] for name in ON_REQUEST if name in wanted},
        }


@dataclass
class Zone:
    """A DNS zone; `managed` is whether the provider's name servers answer for it."""

    fqdn: str
    records: dict[int, dict[str, Any]] = field(default_factory=dict)
    managed: bool = True
    forbidden: bool = False

    def as_answer(self) -> dict[str, Any]:
        """Return the `zone` of the description."""
        return {"id": 1, "fqdn": self.fqdn, "dnssec": {"is_enabled": False}, "nameservers": ["nsany1.infomaniak.com"]}

    def check(self, record: dict[str, Any], but: int | None = None) -> None:
        """Raise Refusal when `record` can't stand beside those of the zone, the one with the id `but` left out."""
        if record["type"] not in DNS_TYPES:
            raise Refusal("unsupported_dns_record_type")
        if not is_valid(record["type"], record["target"]):
            raise Refusal("invalid_dns_record")
        others = [other for key, other in self.records.items() if key != but and other["source"] == record["source"]]
        if any((other["type"] == "CNAME") != (record["type"] == "CNAME") for other in others):
            raise Refusal("dns_record_mutual_exclusion")
        same = ("type", "target")
        if but is None and any(all(other[key] == record[key] for key in same) for other in others):
            raise Refusal("dns_record_already_exists")


def is_valid(kind: str, target: str) -> bool:
    """Return whether `target` is a right one for a record of this type."""
    if kind in ("A", "AAAA"):
        try:
            return ipaddress.ip_address(target).version == (4 if kind == "A" else 6)
        except ValueError:
            return False
    if kind == "MX":
        return target.partition(" ")[0].isdigit() and bool(target.partition(" ")[2])
    return bool(target)


def as_kept(kind: str, target: str) -> str:
    """Return `target` as the provider keeps it: texts in quotes."""
    return f'"{target}"' if kind == "TXT" and not target.startswith('"') else target


@dataclass
class Account:
    """All of one customer's services."""

    hostings: dict[int, Hosting] = field(default_factory=dict)
    zones: dict[str, Zone] = field(default_factory=dict)
    _ids: itertools.count = field(default_factory=lambda: itertools.count(1000))

    def next_id(self) -> int:
        """Return an id that nothing has yet."""
        return next(self._ids)

    def hosting(self, identifier: str) -> Hosting:
        """Return the mail hosting of that id."""
        try:
            return self.hostings[int(identifier)]
        except (KeyError, ValueError):
            raise Refusal("object_not_found") from None

    def mailbox(self, hosting: str, name: str) -> Mailbox:
        """Return a mailbox of a mail hosting."""
        try:
            return self.hosting(hosting).mailboxes[name]
        except KeyError:
            raise Refusal("object_not_found") from None

    def zone(self, fqdn: str) -> Zone:
        """Return the zone of that name."""
        zone = self.zones.get(fqdn)
        if zone is None:
            raise Refusal("zone_does_not_exists")
        if zone.forbidden:
            raise Refusal("not_authorized")
        return zone
