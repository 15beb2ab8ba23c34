"""A person's accounts of the web interface, and what else Django holds about the person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from listkit.person.finding import Finding
from listkit.person.identity import Person
from listkit.person.redaction import Redactor
from listkit.web.people.filters import ROWS_AT_ONCE, any_contains


class Accounts:
    """A person's accounts of the web interface, and what else Django knows of them."""

    def __init__(self, person: Person) -> None:
        from allauth.account.models import EmailAddress
        from django.contrib.auth import get_user_model
        from django.db.models.functions import Lower

        self._person, self._redactor = person, Redactor(person)
        claims = EmailAddress.objects.annotate(lower=Lower("email")).filter(lower__in=person.addresses)
        users = get_user_model().objects
        mine = {claim.user_id for claim in claims if claim.verified or not _confirmed(claim.user)}
        mine.update(
            user.pk
            for user in users.annotate(lower=Lower("email")).filter(lower__in=person.addresses)
            if not _confirmed(user) - person.addresses
        )
        self._users = list(users.filter(pk__in=mine).order_by("pk"))
        self._strangers_claims = [claim for claim in claims if claim.user_id not in mine]

    def addresses(self) -> set[str]:
        """Return all addresses that the owners of these accounts have confirmed."""
        return {address for user in self._users for address in _confirmed(user)}

    def names(self) -> set[str]:
        """Return the names of these accounts."""
        return {user.get_full_name() for user in self._users if user.get_full_name()}

    def obstacles(self) -> Iterator[str]:
        """Yield why the person can't be erased."""
        for user in self._users:
            if user.is_superuser or user.is_staff:
                yield (
                    f"the web account {user.username} is an administrator's: remove the status in"
                    " /mailman3/admin/, or set another mailman_user and mailman_email, then run it again"
                )

    def findings(self) -> Iterator[Finding]:
        """Yield what is held."""
        from allauth.account.models import EmailAddress
        from allauth.socialaccount.models import SocialAccount

        for user in self._users:
            emails = sorted(EmailAddress.objects.filter(user=user).values_list("email", flat=True))
            details = {
                "name": user.get_full_name(),
                "addresses": emails,
                "joined": str(user.date_joined),
                "last_login": str(user.last_login or ""),
                "time_zone": user.mailman_profile.timezone if hasattr(user, "mailman_profile") else "",
                "external": list(SocialAccount.objects.filter(user=user).values("provider", "uid", "extra_data")),
                "votes": user.votes.count(),
                "tags": user.tagging_set.count(),
                "favourites": user.favorites.count(),
                "threads_read": user.lastviews.count(),
            }
            name = f" ({user.get_full_name()})" if user.get_full_name() else ""
            last = f"{user.last_login:%Y-%m-%d}" if user.last_login else "never"
            text = (
                f"{user.username}{name}, since {user.date_joined:%Y-%m-%d}, last login: {last},"
                f" {details['votes']} votes, {details['tags']} tags, {details['favourites']} favourites"
            )
            yield Finding("account", text, details)
        for claim in self._strangers_claims:
            yield Finding("account", f"{claim.email}, which another account has entered and not confirmed")
        if sessions := sum(1 for _ in self._sessions()):
            yield Finding("session", f"{sessions} sessions")
        for record in self._records():
            yield Finding("record", str(record)[:200])

    def erase(self) -> None:
        """Delete everything."""
        for session in list(self._sessions()):
            session.delete()
        for record in list(self._records()):
            record.delete()
        for claim in self._strangers_claims:
            claim.delete()
        for user in self._users:
            user.delete()

    def _sessions(self) -> Iterator[Any]:
        from django.contrib.sessions.models import Session

        numbers = {str(user.pk) for user in self._users}
        for session in Session.objects.iterator(ROWS_AT_ONCE):
            values = session.get_decoded()
            if values.get("_auth_user_id") in numbers or self._redactor.is_in(json.dumps(values, ensure_ascii=False)):
                yield session

    def _records(self) -> Iterator[Any]:
        """Yield the entries of the administration's log, and the failed jobs, that name the person."""
        from django.contrib.admin.models import LogEntry
        from django_q.models import Task

        fields = ("object_repr", "change_message")
        for entry in LogEntry.objects.filter(any_contains(self._person, fields)):
            if any(self._redactor.is_in(getattr(entry, name)) for name in fields):
                yield entry
        for task in Task.objects.iterator(ROWS_AT_ONCE):
            if self._redactor.is_in(f"{task.args} {task.kwargs} {task.result}"):
                yield task


def _confirmed(user: Any) -> set[str]:
    """Return the addresses of an account, in lower case, that belong to its owner for certain."""
    from allauth.account.models import EmailAddress

    known = EmailAddress.objects.filter(user=user, verified=True).values_list("email", flat=True)
    return set(map(str.lower, known))
