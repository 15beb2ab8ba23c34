"""A person's part in the archives.

The archive is changed a batch of posts at a time. Each batch leaves the search index before it is changed in the
database: after a crash in between, the index lacks these posts, and the job queue adds them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from listkit.person.finding import Finding
from listkit.person.identity import REMOVED_NAME, Person
from listkit.person.redaction import Redactor, needles, without_signature
from listkit.web import search_index
from listkit.web.people.filters import ROWS_AT_ONCE, any_contains

INDEX_WAIT_SECONDS = 600.0
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
        for post in self._own().select_related("mailinglist").order_by("date").iterator(ROWS_AT_ONCE):
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
            Email.objects.filter(any_contains(self._person, fields)).values("id", *fields).iterator(ROWS_AT_ONCE)
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
        for attachment in Attachment.objects.filter(any_contains(self._person, ("name",))).defer("content"):
            if self._redactor.is_in(attachment.name):
                yield attachment.email_id


def _posts(numbers: Iterable[int]) -> Iterable[Any]:
    from hyperkitty.models import Email

    return Email.objects.filter(id__in=list(numbers)).select_related("mailinglist").order_by("date")


def _described(post: Any) -> str:
    return f"{post.mailinglist.name}, {post.date:%Y-%m-%d}: {post.subject}"


def _batches(numbers: Iterable[int]) -> Iterator[list[int]]:
    waiting = iter(numbers)
    while batch := list(islice(waiting, ROWS_AT_ONCE)):
        yield batch
