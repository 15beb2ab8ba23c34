"""Django's cache in files counts its entries now and then, not at every write.

HyperKitty keeps several values of each thread in it: an archive has tens of thousands of threads, and a page asks for a
hundred. The cache may have somewhat more than `MAX_ENTRIES` for a while.
"""

from __future__ import annotations

import functools
import random

from listkit.common.patching import Patch, Target

WRITES_PER_COUNT = 500
"""A directory of 20,000 entries takes 30 ms to count, an entry 0.1 ms to write."""


def _cull(original):
    @functools.wraps(original)
    def cull_now_and_then(self):
        """See `FileBasedCache`."""
        if random.randrange(WRITES_PER_COUNT) == 0:  # noqa: S311 -- no secret
            original(self)

    return cull_now_and_then


def _apply() -> None:
    from django.core.cache.backends.filebased import FileBasedCache

    FileBasedCache._cull = _cull(FileBasedCache._cull)


PATCH = Patch(
    name="cache-culling",
    purpose="Django's cache in files lists its directory at every write.",
    upstream="none filed",
    read_in=("django 3.2", "django 4.2"),
    fallback="Pages of a large archive take longer.",
    targets=(Target("django.core.cache.backends.filebased:FileBasedCache._cull", "(self)"),),
    apply=_apply,
)
