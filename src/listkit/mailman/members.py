"""The REST resource `members` of the kit's plugin: many people on a list in one request.

Mailman's own interface subscribes one person with each request. Here, up to a thousand people are one transaction. The
requests and answers are described in the collection listkit.mailman3, in `membership/bulk.py`.

No mail is sent, except a welcome message where the request asks for it: the events for which Mailman writes to members
and owners don't occur.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from mailman.app.notifications import send_welcome_message
from mailman.config import config
from mailman.interfaces.action import Action
from mailman.interfaces.address import IEmailValidator
from mailman.interfaces.listmanager import IListManager
from mailman.interfaces.member import DeliveryMode, DeliveryStatus, MemberRole
from mailman.model.address import Address
from mailman.model.bans import Ban
from mailman.model.member import Member
from mailman.model.preferences import Preferences
from mailman.model.user import User
from mailman.rest.helpers import NotFound, bad_request, okay
from sqlalchemy import func, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import aliased
from zope.component import getUtility

from listkit.mailman import new_people

PAGE = 10_000
"""People in each answer, which needs 30 MiB."""
LARGEST_REQUEST = 5000

T = TypeVar("T")
Failed = dict[str, str]


class People:
    """Those with one role on one list."""

    def __init__(self, mailing_list, role):
        self._list, self._role = mailing_list, role

    @classmethod
    def find(cls, segments: Sequence[str]):
        """Return the resource at `LIST_ID/ROLE`."""
        if len(segments) != 2 or segments[1] not in MemberRole.__members__:
            return NotFound()
        mailing_list = getUtility(IListManager).get_by_list_id(segments[0])
        return NotFound() if mailing_list is None else cls(mailing_list, MemberRole[segments[1]])

    def on_get(self, request, response):
        """Answer with a page of people, in the order in which they were subscribed."""
        after = request.get_param_as_int("after") or 0
        rows = config.db.store.execute(self._page(after)).all()
        entries = [
            {
                "email": row.original or row.email,
                "display_name": row.display_name,
                "delivery_mode": (row.delivery_mode or DeliveryMode.regular).name,
                "delivery_status": (row.delivery_status or DeliveryStatus.enabled).name,
                "moderation_action": row.moderation_action.name if self._own_moderation(row) else None,
            }
            for row in rows[:PAGE]
        ]
        cursor = str(rows[PAGE - 1].id) if len(rows) > PAGE else None
        okay(response, json.dumps({"entries": entries, "next": cursor}))

    def _own_moderation(self, row) -> bool:
        """Whether it isn't the list's default. Owners and moderators have no moderation that could be changed."""
        return row.moderation_action is not None and not self._is_administrators

    @property
    def _is_administrators(self) -> bool:
        return self._role in (MemberRole.owner, MemberRole.moderator)

    def _page(self, after):
        """Return the query for the page after a member's number, and for one person more if there are any.

        A property is the member's own, or else the address's, or else the user's. Who subscribed as a user gets mail
        at the preferred address.
        """
        own, by_address, by_user = aliased(Preferences), aliased(Preferences), aliased(Preferences)
        address, user = aliased(Address), aliased(User)
        subscribed_user = aliased(User)
        return (
            select(
                Member.id,
                Member.moderation_action,
                address.email,
                address._original.label("original"),
                func.coalesce(
                    func.nullif(func.coalesce(subscribed_user.display_name, address.display_name), ""),
                    user.display_name,
                    "",
                ).label("display_name"),
                func.coalesce(own.delivery_mode, by_address.delivery_mode, by_user.delivery_mode).label(
                    "delivery_mode"
                ),
                func.coalesce(own.delivery_status, by_address.delivery_status, by_user.delivery_status).label(
                    "delivery_status"
                ),
            )
            .select_from(Member)
            .join(own, Member.preferences_id == own.id, isouter=True)
            .join(subscribed_user, Member.user_id == subscribed_user.id, isouter=True)
            .join(address, address.id == func.coalesce(Member.address_id, subscribed_user._preferred_address_id))
            .join(by_address, address.preferences_id == by_address.id, isouter=True)
            .join(user, address.user_id == user.id, isouter=True)
            .join(by_user, user.preferences_id == by_user.id, isouter=True)
            .where(Member.list_id == self._list.list_id, Member.role == self._role, Member.id > after)
            .order_by(Member.id)
            .limit(PAGE + 1)
        )

    def on_post(self, request, response):
        """Add, change and remove people; answer with those for whom it failed."""
        body = request.media or {}
        welcome = body.pop("welcome", False)
        if sum(map(len, body.values())) > LARGEST_REQUEST:
            bad_request(response, f"at most {LARGEST_REQUEST} people in one request")
            return
        failed = [
            *_all_or_each(body.get("add", ()), lambda items: self._add(items, welcome), lambda item: item["email"]),
            *_all_or_each(body.get("change", ()), self._change, lambda item: item["email"]),
            *_all_or_each(body.get("remove", ()), self._remove, str),
        ]
        okay(response, json.dumps({"failed": failed}))

    def _add(self, items: Sequence[dict], welcome: bool) -> Iterator[Failed]:
        present = self._present([item["email"].lower() for item in items])
        refusal = self._refusals()
        accepted = {}
        for item in items:
            if reason := refusal(item["email"]):
                yield {"email": item["email"], "reason": reason}
            elif item["email"].lower() not in present:
                accepted[item["email"].lower()] = item
        if accepted:
            self._subscribe(accepted, new_people.register(accepted, verified=self._role is MemberRole.member))
        if self._role is MemberRole.member:
            for nonmember in _members(self._list.list_id, MemberRole.nonmember, list(accepted)).values():
                nonmember.unsubscribe()
            for member in self._present(list(accepted)).values() if welcome else ():
                send_welcome_message(self._list, member, member.preferred_language)

    def _subscribe(self, items: Mapping[str, dict], address_ids: Mapping[str, int]) -> None:
        """Make people with known addresses members. Both mappings are by address in lower case."""
        preferences = [
            {
                "delivery_mode": DeliveryMode[item["delivery_mode"]] if "delivery_mode" in item else None,
                "delivery_status": DeliveryStatus[item["delivery_status"]] if "delivery_status" in item else None,
            }
            for item in items.values()
        ]
        new_people.insert_members(
            {
                "list_id": self._list.list_id,
                "role": self._role,
                "moderation_action": Action.accept if self._is_administrators else _moderation_action(item),
                "address_id": address_ids[key],
                "preferences_id": preferences_id,
            }
            for (key, item), preferences_id in zip(
                items.items(), new_people.insert_preferences(preferences), strict=True
            )
        )

    def _refusals(self) -> Callable[[str], str | None]:
        """Return what tells why Mailman would refuse an address: one query for all of them."""
        store, list_id = config.db.store, self._list.list_id
        banned = list(store.scalars(select(Ban.email).where(or_(Ban.list_id == list_id, Ban.list_id.is_(None)))))
        addresses = {ban.lower() for ban in banned if not ban.startswith("^")}
        patterns = [re.compile(ban, re.IGNORECASE) for ban in banned if ban.startswith("^")]
        validator = getUtility(IEmailValidator)

        def reason(email: str) -> str | None:
            key = email.lower()
            if not validator.is_valid(email):
                return "is not a valid address"
            if key == self._list.posting_address and self._role is not MemberRole.nonmember:
                return "is the list's own address"
            if key in addresses or any(pattern.match(key) for pattern in patterns):
                return "is banned"
            return None

        return reason

    def _change(self, items: Sequence[dict]) -> Iterator[Failed]:
        present = self._present([item["email"].lower() for item in items])
        for item in items:
            member = present.get(item["email"].lower())
            if member is None:
                yield _gone(item["email"])
            else:
                _set(member, item)

    def _remove(self, emails: Sequence[str]) -> Iterator[Failed]:
        present = self._present([email.lower() for email in emails])
        for email in emails:
            member = present.get(email.lower())
            if member is None:
                yield _gone(email)
            else:
                member.unsubscribe()

    def _present(self, keys: Sequence[str]) -> dict[str, Member]:
        return _members(self._list.list_id, self._role, keys)


def _members(list_id: str, role: MemberRole, keys: Sequence[str]) -> dict[str, Member]:
    """Return the members with these addresses in lower case, by address."""
    query = (
        select(Address.email, Member)
        .select_from(Member)
        .join(User, Member.user_id == User.id, isouter=True)
        .join(Address, Address.id == func.coalesce(Member.address_id, User._preferred_address_id))
        .where(Member.list_id == list_id, Member.role == role, Address.email.in_(keys))
    )
    return dict(config.db.store.execute(query).all())


def _set(member: Member, item: dict) -> None:
    """Give `member` the properties in `item`."""
    if item.get("display_name"):
        member.subscriber.display_name = item["display_name"]
    if "delivery_mode" in item:
        member.preferences.delivery_mode = DeliveryMode[item["delivery_mode"]]
    if "delivery_status" in item:
        member.preferences.delivery_status = DeliveryStatus[item["delivery_status"]]
    if "moderation_action" in item:
        member.moderation_action = _moderation_action(item)


def _moderation_action(item: Mapping) -> Action | None:
    """Return what happens to a person's posts; None: the list's default."""
    return Action[item["moderation_action"]] if "moderation_action" in item else None


def _gone(email: str) -> Failed:
    return {"email": email, "reason": "is not on the list any more"}


def _all_or_each(
    items: Sequence[T], act: Callable[[Sequence[T]], Iterator[Failed]], email: Callable[[T], str]
) -> list[Failed]:
    """Act on all items at once; if the database refuses that, on one after the other. Return the failures."""
    if not items:
        return []
    try:
        return _in_savepoint(items, act)
    except SQLAlchemyError as error:
        if len(items) == 1:
            return [{"email": email(items[0]), "reason": str(error.__cause__ or error).strip()}]
    return [failed for item in items for failed in _all_or_each([item], act, email)]


def _in_savepoint(items: Sequence[T], act: Callable[[Sequence[T]], Iterable[Failed]]) -> list[Failed]:
    store = config.db.store
    # Mailman's classes ask the database for each new object, which would write all pending ones one by one.
    with store.begin_nested(), store.no_autoflush:
        return list(act(items))
