"""The REST resource `renaming` of the kit's plugin: a list gets another address, with everything that belongs to it.

Mailman has no such operation. Its tables name a list by a number, which stays, or by an identifier made from the
address, which changes here in all of them in one transaction. Posts in a queue still have the former identifier: see
the patch `former-lists`.

`GET renaming/LIST_ID?to=ADDRESS` answers with the list's present address, how much moves along of each kind, and, as
`problem`, why the list can't have the new address, or "". `POST` with {"to": ADDRESS} renames the list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from mailman.config import config
from mailman.interfaces.domain import IDomainManager
from mailman.interfaces.listmanager import IListManager
from mailman.interfaces.member import MemberRole
from mailman.model.address import Address
from mailman.model.bans import Ban
from mailman.model.bounce import BounceEvent
from mailman.model.member import Member
from mailman.model.pending import PendedKeyValue
from mailman.model.requests import _Request
from mailman.model.template import Template
from mailman.rest.helpers import NotFound, bad_request, okay
from sqlalchemy import func, select, update
from zope.component import getUtility

from listkit.common import former_lists
from listkit.mailman.list_names import reason

NAME = re.compile(r"[a-z0-9][-_.a-z0-9]*")
"""As Mailman's own `listname_chars`, in lower case."""


class Renaming:
    """The new address of one list."""

    def __init__(self, mailing_list):
        self._list = mailing_list

    @classmethod
    def find(cls, segments: Sequence[str]):
        """Return the resource at `LIST_ID`."""
        mailing_list = getUtility(IListManager).get_by_list_id(segments[0]) if len(segments) == 1 else None
        return NotFound() if mailing_list is None else cls(mailing_list)

    def on_get(self, request, response):
        """Answer with what would move along."""
        to = (request.get_param("to") or "").lower()
        okay(
            response,
            json.dumps(
                {"address": self._list.fqdn_listname, "problem": problem(self._list, to), **contents(self._list)}
            ),
        )

    def on_post(self, request, response):
        """Rename the list; answer with what moved along."""
        to = str((request.media or {}).get("to", "")).lower()
        if wrong := problem(self._list, to):
            bad_request(response, wrong)
            return
        moved = contents(self._list)
        rename(self._list, to)
        okay(response, json.dumps(moved))


def problem(mailing_list, to: str) -> str:
    """Return why the list can't have the address `to`, or ""."""
    name, _at, domain = to.partition("@")
    lists = set(getUtility(IListManager).names) - {mailing_list.fqdn_listname}
    if not NAME.fullmatch(name):
        return f"{to!r} is not a valid address of a list, such as news@{mailing_list.mail_host}"
    if domain not in getUtility(IDomainManager):
        return f"Mailman has no domain {domain!r}; add it to mailman_domains and run the playbook first"
    if to == mailing_list.fqdn_listname or to in lists:
        return f"there is a list {to} already"
    others = {old: new for old, new in former_lists.read().items() if new != mailing_list.fqdn_listname}
    return reason(to, lists, {config.mailman.site_owner.lower()}, others)


def contents(mailing_list) -> dict[str, int]:
    """Return how much of each kind belongs to the list."""
    roles = {
        role.name: _count(select(Member).where(Member.list_id == mailing_list.list_id, Member.role == role))
        for role in MemberRole
    }
    return {
        **roles,
        "request": _count(select(_Request).where(_Request.mailing_list_id == mailing_list.id)),
        "ban": _count(select(Ban).where(Ban.list_id == mailing_list.list_id)),
        "template": _count(select(Template).where(Template.context == mailing_list.list_id)),
    }


def _count(query) -> int:
    return config.db.store.scalar(select(func.count()).select_from(query.subquery()))


def rename(mailing_list, to: str) -> None:
    """Give the list the address `to`, in the present transaction. The files of its digest move along."""
    old, old_id, old_files = mailing_list.fqdn_listname, mailing_list.list_id, Path(mailing_list.data_path)
    _set_names(mailing_list, to)
    new_id = mailing_list.list_id
    for model in (Member, Ban, BounceEvent):
        _execute(update(model).where(model.list_id == old_id).values(list_id=new_id))
    # Tokens that were mailed to people, and what was noted with a held post.
    for was, becomes in ((old_id, new_id), (old, to)):
        value = PendedKeyValue.value
        _execute(update(PendedKeyValue).where(value == json.dumps(was)).values(value=json.dumps(becomes)))
    _move_templates(old_id, new_id)
    # As a member of another list, it gets mail at its address, too.
    if config.db.store.scalar(select(Address).where(Address.email == to)) is None:
        _execute(update(Address).where(Address.email == old).values(email=to, _original=None))
    config.db.store.flush()
    _move_files(old_files, Path(mailing_list.data_path))


def _set_names(mailing_list, to: str) -> None:
    """Change the address, and the texts that Mailman made from it if they are as it made them."""
    usual = mailing_list.list_name.capitalize()
    prefix_is_usual = mailing_list.subject_prefix == f"[{usual}] "
    mailing_list.list_name, _at, mailing_list.mail_host = to.partition("@")
    mailing_list._list_id = to.replace("@", ".", 1)
    if mailing_list.display_name == usual:
        mailing_list.display_name = mailing_list.list_name.capitalize()
        if prefix_is_usual:
            mailing_list.subject_prefix = f"[{mailing_list.display_name}] "


def _move_templates(old_id: str, new_id: str) -> None:
    """Give the templates to the new identifier, which is also a part of the places where their texts are."""
    _execute(
        update(Template)
        .where(Template.context == old_id)
        .values(context=new_id, uri=func.replace(Template.uri, f"/{old_id}/", f"/{new_id}/"))
    )


def _execute(statement) -> None:
    config.db.store.execute(statement.execution_options(synchronize_session=False))


def _move_files(old: Path, new: Path) -> None:
    """Move the posts that are collected for the next digest, after those that the list has under its new name."""
    if not old.is_dir():
        return
    new.mkdir(exist_ok=True)
    for file in sorted(old.iterdir()):
        if (new / file.name).exists():
            with (new / file.name).open("ab") as out:
                out.write(file.read_bytes())
            file.unlink()
        else:
            file.rename(new / file.name)
    old.rmdir()
