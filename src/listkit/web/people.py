"""What the archive and the web interface hold about a person, and its erasure. Needs Django to be loaded.

The archive is changed a batch of posts at a time. Each batch leaves the search index before it is changed in the
database: after a crash in between, the index lacks these posts, and the job queue adds them again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from listkit.person.finding import Finding, Held
from listkit.person.identity import REMOVED_NAME, Person
from listkit.person.redaction import Redactor, needles, without_signature
from listkit.web import search_index

INDEX_WAIT_SECONDS = 600.0
BATCH_POSTS = 200
PERSONAL_FILES = (
    "application/pgp-keys",
    "application/pgp-signature",
    "application/pkcs7-signature",
    "application/x-pkcs7-signature",
    "text/directory",
    "text/vcard",
    "text/x-vcard",
)
"""Types of attachments that say who the author is: signatures, keys and business cards."""
_ID_CHARACTERS, _SUBJECT_CHARACTERS = 255, 512


def find(person: Person) -> Held:
    """Return what is held about a person, also under the other addresses of their account."""
    account = Accounts(person)
    person = person.also(account.addresses())
    account, archive = Accounts(person), Archive(person)
    return Held(
        findings=(*account.findings(), *archive.findings()),
        addresses=person.addresses,
        names=frozenset({*account.names(), *archive.names()}),
        shared_names=frozenset(archive.shared_names()),
        obstacles=tuple(account.obstacles()),
    )


def erase(person: Person) -> None:
    """Erase a person. Raises IndexBusy."""
    from django.core.cache import caches

    Archive(person).erase()
    Accounts(person).erase()
    for name in ("default", "posts"):
        caches[name].clear()


class Archive:
    """A person's part in the archives of all lists."""

    def __init__(self, person: Person) -> None:
        self._person, self._redactor = person, Redactor(person)

    def names(self) -> set[str]:
        """Return the names with which the person has posted."""
        return {name for name in self._own().values_list("sender_name", flat=True).distinct() if name}

    def shared_names(self) -> set[str]:
        """Return those of these names with which other addresses have posted, too."""
        from django.db.models.functions import Lower
        from hyperkitty.models import Email

        names = self.names()
        wanted = {name.lower() for name in names}
        others = Email.objects.annotate(lower=Lower("sender_name")).filter(lower__in=wanted)
        shared = set(others.exclude(id__in=self._own().values("id")).values_list("lower", flat=True))
        return {name for name in names if name.lower() in shared}

    def findings(self) -> Iterator[Finding]:
        """Yield the posts of the person, what is attached to them, and others' posts that name the person."""
        for post in self._own().select_related("mailinglist").order_by("date").iterator(BATCH_POSTS):
            yield Finding("post", _described(post), {"text": post.content, "message_id": post.message_id})
        for attachment in self._unreadable():
            yield Finding("file", f"{attachment.name} ({attachment.content_type}) of {_described(attachment.email)}")
        own = set(self._own().values_list("id", flat=True))
        for numbers in _batches(number for number in self._naming() if number not in own):
            for post in _posts(numbers):
                yield Finding("mention", _described(post), {"message_id": post.message_id})

    def erase(self) -> None:
        """Replace the person. Raises IndexBusy."""
        from hyperkitty.models import Sender

        numbers = sorted({*self._own().values_list("id", flat=True), *self._naming()})
        for batch in _batches(numbers):
            with search_index.locked(INDEX_WAIT_SECONDS):
                search_index.remove(batch)
                self._replace(batch)
                search_index.add(batch)
        # Not by deleting objects: that would delete a post that has just come, too.
        for address in self._sender_addresses():
            senders = Sender.objects.filter(pk=address, emails__isnull=True)
            Sender.objects.filter(pk__in=list(senders.values_list("pk", flat=True)))._raw_delete(senders.db)
        # Always: an earlier run may have ended before it.
        with search_index.locked(INDEX_WAIT_SECONDS):
            search_index.compact()

    def _replace(self, numbers: Sequence[int]) -> None:
        from django.db import transaction
        from hyperkitty.models import Email, Sender

        with transaction.atomic():
            for post in _posts(numbers):
                is_own = self._person.has(post.sender_id)
                values = self._values(post, is_own)
                if is_own:
                    values["sender"], _ = Sender.objects.get_or_create(address=self._person.alias)
                Email.objects.filter(pk=post.pk).update(**values)
                for attachment in post.attachments.all():
                    self._replace_attachment(attachment, is_own)

    def _values(self, post: Any, is_own: bool) -> dict[str, Any]:
        """Return the new values of a post."""
        from hyperkitty.lib.utils import get_message_id_hash

        text = self._redactor.text
        message_id = text(post.message_id)[:_ID_CHARACTERS]
        values = {
            "subject": text(post.subject)[:_SUBJECT_CHARACTERS],
            "content": text(without_signature(post.content) if is_own else post.content),
            "sender_name": REMOVED_NAME if is_own else text(post.sender_name or "")[:_ID_CHARACTERS],
            "in_reply_to": text(post.in_reply_to)[:_ID_CHARACTERS] if post.in_reply_to else post.in_reply_to,
        }
        if message_id != post.message_id:
            values |= {"message_id": message_id, "message_id_hash": get_message_id_hash(message_id)}
        return values

    def _replace_attachment(self, attachment: Any, is_own: bool) -> None:
        if is_own and attachment.content_type.lower() in PERSONAL_FILES:
            attachment.delete()
            return
        content = attachment.get_content()
        if not self._redactor.is_in(attachment.name) and not self._redactor.is_in_octets(content):
            return
        attachment.name = self._redactor.text(attachment.name)[:_ID_CHARACTERS]
        if self._redactor.is_in_octets(content):
            # Of the same length: it may be of any format.
            attachment.set_content(self._redactor.octets(content))
        attachment.save()

    def _own(self) -> Any:
        from hyperkitty.models import Email

        return Email.objects.filter(sender__address__in=self._sender_addresses())

    def _sender_addresses(self) -> list[str]:
        """Return the person's addresses as the archive writes them."""
        from django.db.models.functions import Lower
        from hyperkitty.models import Sender

        known = Sender.objects.annotate(lower=Lower("address")).filter(lower__in=self._person.addresses)
        return list(known.values_list("address", flat=True))

    def _unreadable(self) -> Iterable[Any]:
        """Return the files of the person's posts that aren't text."""
        from hyperkitty.models import Attachment

        mine = Attachment.objects.filter(email__in=self._own()).select_related("email", "email__mailinglist")
        return mine.exclude(content_type__startswith="text/").exclude(content_type__in=PERSONAL_FILES).defer("content")

    def _naming(self) -> Iterator[int]:
        """Yield the numbers of the posts that name the person, also those in whose attachments they do."""
        from hyperkitty.models import Attachment, Email

        fields = ("subject", "content", "sender_name", "message_id", "in_reply_to")
        for row in (
            Email.objects.filter(_any_contains(self._person, fields)).values("id", *fields).iterator(BATCH_POSTS)
        ):
            if any(self._redactor.is_in(row[name]) for name in fields):
                yield row["id"]
        for parts in needles(self._person):
            where = ["position(%s in lower(encode(hyperkitty_attachment.content, 'escape'))) > 0"] * len(parts)
            parameters = list(map(str.lower, parts))
            found = Attachment.objects.extra(where=where, params=parameters)  # noqa: S610 -- constant, with parameters
            for attachment in found.iterator(1):
                if self._redactor.is_in_octets(attachment.get_content()):
                    yield attachment.email_id
        for attachment in Attachment.objects.filter(_any_contains(self._person, ("name",))).defer("content"):
            if self._redactor.is_in(attachment.name):
                yield attachment.email_id


def _any_contains(person: Person, fields: Iterable[str]) -> Any:
    """Return a filter for rows that may name the person; it finds too many."""
    from django.db.models import Q

    found = Q(pk__in=[])
    for field in fields:
        for parts in needles(person):
            here = Q()
            for part in parts:
                here &= Q(**{f"{field}__icontains": part})
            found |= here
    return found


def _posts(numbers: Iterable[int]) -> Iterable[Any]:
    from hyperkitty.models import Email

    return Email.objects.filter(id__in=list(numbers)).select_related("mailinglist").order_by("date")


def _described(post: Any) -> str:
    return f"{post.mailinglist.name}, {post.date:%Y-%m-%d}: {post.subject}"


def _batches(numbers: Iterable[int]) -> Iterator[list[int]]:
    waiting = iter(numbers)
    while batch := list(islice(waiting, BATCH_POSTS)):
        yield batch


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
        for session in Session.objects.iterator(BATCH_POSTS):
            values = session.get_decoded()
            if values.get("_auth_user_id") in numbers or self._redactor.is_in(json.dumps(values, ensure_ascii=False)):
                yield session

    def _records(self) -> Iterator[Any]:
        """Yield the entries of the administration's log, and the failed jobs, that name the person."""
        from django.contrib.admin.models import LogEntry
        from django_q.models import Task

        fields = ("object_repr", "change_message")
        for entry in LogEntry.objects.filter(_any_contains(self._person, fields)):
            if any(self._redactor.is_in(getattr(entry, name)) for name in fields):
                yield entry
        for task in Task.objects.iterator(BATCH_POSTS):
            if self._redactor.is_in(f"{task.args} {task.kwargs} {task.result}"):
                yield task


def _confirmed(user: Any) -> set[str]:
    """Return the addresses of an account, in lower case, that belong to its owner for certain."""
    from allauth.account.models import EmailAddress

    known = EmailAddress.objects.filter(user=user, verified=True).values_list("email", flat=True)
    return set(map(str.lower, known))
