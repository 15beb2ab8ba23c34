"""HyperKitty's periodic jobs bring the search index in line in short pieces, the latest posts first.

The hourly job indexes all posts since the newest one in the index, the monthly one compares all, each in one go: until
they end, new posts can't be found. The hourly job's lock expires after 15 s, and another process then writes as well.
"""

from __future__ import annotations

import logging

from listkit.common.patching import Patch, Target
from listkit.web import search_index

WAIT_SECONDS = 60.0
"""Longer than another process holds the lock for a piece."""

log = logging.getLogger("hyperkitty.search_index")


def update_in_pieces(job: object) -> None:
    """Index the posts that are missing now and remove surplus ones; log why where that isn't possible."""
    most = search_index.BATCH_POSTS
    try:
        remaining = search_index.update(most, WAIT_SECONDS)
        # Not until none is missing: an import adds posts as fast as they are indexed.
        for _ in range(0, remaining, most):
            search_index.update(most, WAIT_SECONDS)
    except search_index.IndexBusy as error:
        log.warning("%s; the job queue or the next job continues", error)
    except search_index.IndexDamaged as error:
        log.error("the search index is damaged: %s; run: listkit archive reindex --rebuild", error)


def _apply() -> None:
    from hyperkitty.jobs import update_and_clean_index, update_index

    update_index.Job.execute = update_and_clean_index.Job.execute = update_in_pieces


PATCH = Patch(
    name="archive-index",
    purpose="Periodic jobs hold the search index's lock until they have indexed everything.",
    upstream="none filed",
    read_in=("hyperkitty 1.3.7", "hyperkitty 1.3.12"),
    fallback="While an hourly or monthly job updates the search index, new posts are not found.",
    targets=(
        Target("hyperkitty.jobs.update_index:Job.execute", "(self)"),
        Target("hyperkitty.jobs.update_and_clean_index:Job.execute", "(self)"),
        Target("flufl.lock:Lock.lock"),
        Target("haystack:connections"),
        Target("hyperkitty.search_indexes:EmailIndex"),
        Target("xapian_backend:TERM_PREFIXES"),
        Target("xapian_backend:XapianSearchBackend.update"),
    ),
    apply=_apply,
)
