"""Django's cache in files, which workers and queue share, without reading its directory at every entry.

HyperKitty keeps several values of each thread in it: an archive has tens of thousands, a page of it asks for a hundred.
"""

from __future__ import annotations

import random

from django.core.cache.backends.filebased import FileBasedCache

ENTRIES_PER_LOOK = 500
"""So rarely it is seen whether there are too many: the directory of 20,000 takes 30 ms, an entry a tenth of one."""


class Cache(FileBasedCache):
    """The cache, which may have somewhat more than `MAX_ENTRIES` for a while."""

    def _cull(self) -> None:
        if random.randrange(ENTRIES_PER_LOOK) == 0:  # noqa: S311 -- no secret
            super()._cull()
