"""The REST resource `person` of the kit's plugin: what core holds about a person, and the erasure.

`POST person/find` answers with what is held, also under the user's other addresses; `POST person/erase` deletes it, in
one transaction. No mail is sent.

The body has `person` (see `listkit.person.identity`). For `erase`, it also has `bans`: whether to delete bans of the
addresses, too; and `stored`: files of the message store that name the person, which the caller has found.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from mailman.app.moderator import handle_message
from mailman.config import config
from mailman.interfaces.action import Action
from mailman.interfaces.listmanager import IListManager
from mailman.interfaces.member import MemberRole
from mailman.interfaces.messages import IMessageStore
from mailman.interfaces.pending import IPendings
from mailman.interfaces.requests import IListRequests, RequestType
from mailman.interfaces.usermanager import IUserManager
from mailman.model.address import Address
from mailman.model.bans import Ban
from mailman.model.bounce import BounceEvent
from mailman.model.member import Member
from mailman.model.message import Message as StoredMessage
from mailman.model.pending import Pended, PendedKeyValue
from mailman.model.workflow import WorkflowState
from mailman.rest.helpers import NotFound, okay
from sqlalchemy import func, or_
from zope.component import getUtility

from listkit.person.digest import clean_digest
from listkit.person.finding import Finding, Held
from listkit.person.identity import Person
from listkit.person.redaction import Redactor

DIGEST = "digest.mmdf"


class People:
    """`person/find` and `person/erase`."""

    def __init__(self, act: Callable[[dict], dict]) -> None:
        self._act = act

    @classmethod
    def find(cls, segments: list[str]):
        """Return the resource of this name."""
        actions = {"find": _find, "erase": _erase}
        return cls(actions[segments[0]]) if len(segments) == 1 and segments[0] in actions else NotFound()

    def on_post(self, request, response):
        """Answer with what was found, or erased."""
        okay(response, json.dumps(self._act(request.media)))


def _find(body: dict) -> dict:
    person = Person.from_json(body["person"])
    return Records(person.also(_linked_addresses(person))).held().as_json()


def _erase(body: dict) -> dict:
    Records(Person.from_json(body["person"])).erase(bans=body["bans"], stored=body["stored"])
    return {}


def _linked_addresses(person: Person) -> set[str]:
    """Return all addresses of the users to whom the person's addresses belong."""
    users = {address.user for address in _addresses(person) if address.user}
    return {address.email for user in users for address in user.addresses}


def _addresses(person: Person) -> list[Address]:
    return config.db.store.query(Address).filter(Address.email.in_(person.addresses)).order_by(Address.email).all()


class Records:
    """Everything about one person."""

    def __init__(self, person: Person) -> None:
        self._person, self._store = person, config.db.store
        self._redactor = Redactor(person)
        self._addresses = _addresses(person)
        self._users = sorted({one.user for one in self._addresses if one.user}, key=lambda user: user.id)

    def held(self) -> Held:
        """Return what is held."""
        return Held(
            findings=tuple(self._findings()),
            addresses=self._person.addresses,
            names=frozenset(self._names()),
            shared_names=frozenset(self._shared_names()),
            obstacles=tuple(self._obstacles()),
        )

    def erase(self, *, bans: bool, stored: Iterable[str]) -> None:
        """Delete everything."""
        for mailing_list, request, _ in list(self._held_posts()):
            handle_message(mailing_list, request.id, Action.discard)
        messages = {event.message_id for event in self._bounces()}
        for event in self._bounces():
            self._store.delete(event)
        for pended in [*self._pended(), *self._probes(messages)]:
            getUtility(IPendings).confirm(pended.token, expunge=True)
        for state in self._workflows():
            self._store.delete(state)
        for ban in self._bans() if bans else ():
            self._store.delete(ban)
        self._delete_people()
        self._delete_stored(messages, stored)
        for file in Path(config.LIST_DATA_DIR).glob(f"*/{DIGEST}"):
            clean_digest(file, self._person)

    def _findings(self) -> Iterator[Finding]:
        yield from self._address_findings()
        yield from self._membership_findings()
        for pended in self._pended():
            yield Finding("pending", f"{_value(pended, 'type')} of {_value(pended, 'list_id') or 'the site'}")
        for mailing_list, _, data in self._held_posts():
            subject, date = data.get("_mod_subject", ""), str(data.get("_mod_hold_date", ""))[:10]
            yield Finding("held", f"to {mailing_list.fqdn_listname} on {date}: {subject}")
        for event in self._bounces():
            yield Finding("bounce", f"{event.email} on {event.list_id}, {event.timestamp:%Y-%m-%d}")
        for ban in self._bans():
            yield Finding("ban", f"{ban.email} on {ban.list_id or 'every list'}")

    def _address_findings(self) -> Iterator[Finding]:
        for user in self._users:
            preferences = _preferences(user.preferences)
            details = {"created": str(user.created_on), "preferences": preferences}
            text = f"user {user.display_name or 'without a name'}, since {user.created_on:%Y-%m-%d}"
            yield Finding("address", f"{text}{_shown(preferences)}", details)
        for address in self._addresses:
            preferences = _preferences(address.preferences)
            details = {
                "registered": str(address.registered_on),
                "verified": str(address.verified_on or ""),
                "display_name": address.display_name,
                "preferences": preferences,
            }
            state = "confirmed" if address.verified_on else "not confirmed"
            name = f" ({address.display_name})" if address.display_name else ""
            text = f"{address.original_email}{name}, {state}, since {address.registered_on:%Y-%m-%d}"
            yield Finding("address", f"{text}{_shown(preferences)}", details)

    def _membership_findings(self) -> Iterator[Finding]:
        for member in self._members():
            preferences = _preferences(member.preferences)
            details = {
                "list": member.list_id,
                "role": member.role.name,
                "address": member.address.email,
                "preferences": preferences,
                "bounce_score": member.bounce_score,
            }
            text = f"{member.role.name} of {member.list_id} with {member.address.email}"
            yield Finding("membership", f"{text}{_shown(preferences)}", details)

    def _names(self) -> Iterator[str]:
        for owner in (*self._users, *self._addresses):
            if owner.display_name:
                yield owner.display_name

    def _shared_names(self) -> set[str]:
        """Return those of the person's names that someone else has, too."""
        wanted = {name.lower() for name in self._names()}
        others = (
            self._store.query(Address.display_name)
            .filter(func.lower(Address.display_name).in_(wanted), Address.email.notin_(self._person.addresses))
            .distinct()
        )
        shared = {name.lower() for (name,) in others}
        return {name for name in self._names() if name.lower() in shared}

    def _obstacles(self) -> Iterator[str]:
        lists = getUtility(IListManager)
        for address in sorted(self._person.addresses):
            if lists.get(address) is not None:
                yield f"{address} is a list, not a person"
        for user in self._users:
            if user.is_server_owner:
                yield (
                    f"{user.addresses[0].email} is an owner of the whole site: give that to another person in"
                    " Mailman's REST API (users/ADDRESS, is_server_owner), then run it again"
                )
            for domain in user.domains:
                yield (
                    f"{user.addresses[0].email} is an owner of the domain {domain.mail_host}: remove that in Postorius,"
                    " Domains, then run it again"
                )
        for member in self._members():
            if member.role is MemberRole.owner and self._is_last_owner(member):
                yield (
                    f"{member.address.email} is the last owner of {member.mailing_list.fqdn_listname}: add another"
                    " owner in mailman_lists or in Postorius, or remove the list, then run it again"
                )

    def _is_last_owner(self, member: Member) -> bool:
        if member.mailing_list is None:
            return False
        return all(self._person.has(other.address.email) for other in member.mailing_list.owners.members)

    def _members(self) -> list[Member]:
        mine = or_(
            Member.address_id.in_([address.id for address in self._addresses]),
            Member.user_id.in_([user.id for user in self._users]),
        )
        return self._store.query(Member).filter(mine).order_by(Member.list_id, Member.id).all()

    def _held_posts(self) -> Iterator[tuple]:
        """Yield the list, the request and the data of each post of the person that waits."""
        for mailing_list in getUtility(IListManager):
            requests = IListRequests(mailing_list)
            for request in list(requests.of_type(RequestType.held_message)):
                _, data = requests.get_request(request.id) or (None, None)
                if data and self._person.has(str(data.get("_mod_sender", ""))):
                    yield mailing_list, request, data

    def _pended(self) -> list[Pended]:
        """Return the subscriptions and unsubscriptions that wait for an answer; held posts are in `_held_posts`."""
        found = self._containing(self._store.query(PendedKeyValue), PendedKeyValue.value)
        numbers = {value.pended_id for value in found if value.key == "email"}
        return self._store.query(Pended).filter(Pended.id.in_(numbers)).all()

    def _probes(self, message_ids: Iterable[str]) -> list[Pended]:
        """Return what keeps these reports of failed deliveries in the message store."""
        kept = self._store.query(PendedKeyValue).filter(
            PendedKeyValue.key == "_mod_message_id", PendedKeyValue.value.in_(map(json.dumps, message_ids))
        )
        return self._store.query(Pended).filter(Pended.id.in_([value.pended_id for value in kept])).all()

    def _workflows(self) -> list[WorkflowState]:
        return self._containing(self._store.query(WorkflowState), WorkflowState.data)

    def _containing(self, query, column) -> list:
        """Return the rows in which a column has one of the addresses."""
        wanted = or_(*[func.lower(column).contains(address, autoescape=True) for address in self._person.addresses])
        return [row for row in query.filter(wanted) if self._redactor.is_in(getattr(row, column.key))]

    def _bounces(self) -> list[BounceEvent]:
        wanted = func.lower(BounceEvent.email).in_(self._person.addresses)
        return self._store.query(BounceEvent).filter(wanted).order_by(BounceEvent.id).all()

    def _bans(self) -> list[Ban]:
        return self._store.query(Ban).filter(func.lower(Ban.email).in_(self._person.addresses)).all()

    def _delete_people(self) -> None:
        users = getUtility(IUserManager)
        for user in self._users:
            users.delete_user(user)
        for address in _addresses(self._person):
            users.delete_address(address)

    def _delete_stored(self, message_ids: Iterable[str], files: Iterable[str]) -> None:
        """Delete messages of the store, except those that other people's requests are about."""
        paths = [str(Path(file).relative_to(config.MESSAGES_DIR)) for file in files]
        wanted = or_(StoredMessage.message_id.in_(set(message_ids)), StoredMessage.path.in_(paths))
        for row in self._store.query(StoredMessage).filter(wanted).all():
            if not any(True for _ in getUtility(IPendings).find(pend_type="data", held_msgid=row.message_id)):
                getUtility(IMessageStore).delete_message(row.message_id)


def _value(pended: Pended, key: str) -> str:
    found = next((one.value for one in pended.key_values if one.key == key), "")
    return found.strip('"')


def _preferences(preferences) -> dict[str, str]:
    """Return what differs from the default."""
    names = (
        "acknowledge_posts", "hide_address", "preferred_language", "receive_list_copy", "receive_own_postings",
        "delivery_mode", "delivery_status",
    )  # fmt: skip
    values = {name: getattr(preferences, name, None) for name in names}
    return {name: str(getattr(value, "name", value)) for name, value in values.items() if value is not None}


def _shown(preferences: dict[str, str]) -> str:
    return "".join(f"; {name.replace('_', ' ')}: {value}" for name, value in preferences.items())
