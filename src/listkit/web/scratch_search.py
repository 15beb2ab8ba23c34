"""Whether the archive in a restored database can be searched: one list's index, made in a directory of its own.

For the drill of `listkit backup`. Nothing of the site's is read or changed.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from listkit.web import search_index, setup

MOST_POSTS = 1000
TEMPORARY = "/var/tmp"  # noqa: S108 -- the drill's service has one of its own


@dataclass(frozen=True)
class Searched:
    """The list with the most posts, "" without posts; how many of its newest were indexed, and a search finds."""

    list: str
    indexed: int
    found: int


def rebuild(database: str) -> Searched:
    """Index the newest posts of the list with the most posts in this database, and search for them.

    The process can use Django for nothing else.
    """
    setup.choose_settings()
    from django.conf import settings

    with tempfile.TemporaryDirectory(dir=TEMPORARY, prefix="listkit-search-") as directory:
        index = Path(directory, "index")
        settings.DATABASES["default"]["NAME"] = database
        settings.HAYSTACK_CONNECTIONS["default"]["PATH"] = str(index)
        setup.load_django()
        search_index.create(index)
        return _index_and_search()


def _index_and_search() -> Searched:
    from django.db.models import Count
    from haystack.query import SearchQuerySet
    from hyperkitty.models import Email, MailingList

    largest = MailingList.objects.annotate(posts=Count("emails")).order_by("-posts").first()
    if largest is None or not largest.posts:
        return Searched("", 0, 0)
    newest = list(Email.objects.filter(mailinglist=largest).order_by("-date").values_list("id", flat=True)[:MOST_POSTS])
    failed: set[int] = set()
    for start in range(0, len(newest), search_index.BATCH_POSTS):
        failed |= search_index.add(newest[start : start + search_index.BATCH_POSTS])
    found = SearchQuerySet().filter(mailinglist__exact=largest.name).count()
    return Searched(largest.name, len(newest) - len(failed), found)
