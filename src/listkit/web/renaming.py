"""A list gets another address: its archive, and the texts that were edited in Postorius. Needs Django to be loaded.

Threads, votes and tags belong to the archive by its number, which stays. Links have the address in them:
`listkit.web.former_lists` redirects those to the former one.
"""

from __future__ import annotations

from listkit.web import search_index

INDEX_WAIT_SECONDS = 60.0
"""Longer than another process holds the lock for a piece."""


def posts(address: str) -> int:
    """Return how many posts the archive of `address` has."""
    from hyperkitty.models import Email

    return Email.objects.filter(mailinglist__name=address).count()


def rename(old: str, new: str) -> int:
    """Give the archive of `old` the address `new`; return the number of its posts.

    Posts that were archived at `new` meanwhile join the others. Can be repeated after it was interrupted.
    Raises search_index.IndexBusy: then the search still finds the posts at the former address.
    """
    from django.db import transaction
    from hyperkitty.models import MailingList

    with transaction.atomic():
        archive = MailingList.objects.filter(name=old).first()
        if archive is not None:
            later = MailingList.objects.filter(name=new).first()
            if later is not None:
                _move_posts(later, archive)
                later.delete()
            archive.name, archive.list_id = new, _list_id(new)
            archive.save()
        _move_templates(_list_id(old), _list_id(new))
    _index_again(new)
    return posts(new)


def _list_id(address: str) -> str:
    return address.replace("@", ".", 1)


def _move_posts(source, target) -> None:
    """Move the posts and threads that `target` lacks."""
    from hyperkitty.models import Email, Thread

    known = Email.objects.filter(mailinglist=target).values("message_id")
    # A post that is in both was archived again; its thread there may have no other.
    Email.objects.filter(mailinglist=source, message_id__in=known).delete()
    for thread in Thread.objects.filter(mailinglist=source):
        same = Thread.objects.filter(mailinglist=target, thread_id=thread.thread_id).first()
        Email.objects.filter(thread=thread).update(mailinglist=target, thread=same or thread)
        if same is None:
            Thread.objects.filter(pk=thread.pk).update(mailinglist=target)


def _move_templates(old_id: str, new_id: str) -> None:
    """Not by saving them: Postorius would inform core, which knows the new places already."""
    from postorius.models import EmailTemplate

    EmailTemplate.objects.filter(context="list", identifier=old_id).update(identifier=new_id)


def _index_again(address: str) -> None:
    """Index the posts again: a search in an archive looks for its address in the index."""
    from hyperkitty.models import Email

    numbers = list(Email.objects.filter(mailinglist__name=address).order_by("-date").values_list("id", flat=True))
    for start in range(0, len(numbers), search_index.BATCH_POSTS):
        # In pieces: the job queue indexes new posts meanwhile.
        with search_index.locked(INDEX_WAIT_SECONDS):
            search_index.add(numbers[start : start + search_index.BATCH_POSTS])
