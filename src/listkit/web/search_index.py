"""The archive's search index, brought in line with the database.

HyperKitty adds the posts that were archived since the newest one in the index; what an import or a late transaction
adds with an earlier date is never found, and one post from the future keeps out all others. Here the posts in the
index are compared with those in the database. That takes a second for a million posts, and an octet of memory for each.

Needs Django's settings; what adds and removes posts needs Django to be loaded.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

BATCH_POSTS = 200
LOCK_SECONDS = 1
"""Seconds to wait for the lock by default: enough to break one that has expired."""
LOCK_LIFETIME = timedelta(minutes=5)

_LABEL = "hyperkitty.email"
"""Haystack's name of HyperKitty's posts in the index."""

_IN_DATABASE = 1
_IN_INDEX = 2

_unindexable: set[int] = set()

log = logging.getLogger("hyperkitty.search_index")


class IndexBusy(Exception):
    """Another process updates the index."""


class IndexDamaged(Exception):
    """The index can't be read; the text says why."""


@dataclass(frozen=True)
class Difference:
    """Posts by their numbers in the database. missing: not in the index, the newest first. surplus: only there."""

    missing: tuple[int, ...]
    surplus: tuple[int, ...]


def state() -> tuple[int, int] | None:
    """Return what changes whenever posts are added or removed; None without posts."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT max(id), count(*) FROM hyperkitty_email")
        newest, count = cursor.fetchone()
    return (newest, count) if count else None


def compare(stored: Iterable[int], indexed: Iterable[int]) -> Difference:
    """Compare the numbers in the database with those in the index."""
    marks = bytearray()
    for numbers, mark in ((stored, _IN_DATABASE), (indexed, _IN_INDEX)):
        for number in numbers:
            if number >= len(marks):
                marks.extend(bytes(number + 1 - len(marks) + 4096))
            marks[number] |= mark
    missing = tuple(number for number in range(len(marks) - 1, -1, -1) if marks[number] == _IN_DATABASE)
    surplus = tuple(number for number, mark in enumerate(marks) if mark == _IN_INDEX)
    return Difference(missing, surplus)


def difference() -> Difference:
    """Return in what the index differs from the database. Raises IndexDamaged."""
    from django.db import connection

    # The index first: a post that comes in between is missing then, never surplus.
    indexed = list(_indexed())
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM hyperkitty_email")
        return compare((number for (number,) in cursor), indexed)


def update(most: int | None = None, wait_seconds: float = LOCK_SECONDS) -> int:
    """Index missing posts, the latest first, then remove surplus ones; return how many remain to be done.

    The latest by their own dates: an import adds old posts faster than they are indexed, and new posts don't wait.

    A post that can't be indexed is logged once, and not tried again by this process.

    most: how many posts to index, and to remove, at most. Raises IndexBusy after `wait_seconds`, IndexDamaged.
    """
    with locked(wait_seconds):
        found = difference()
        missing = [number for number in found.missing if number not in _unindexable]
        chosen = missing if most is None or len(missing) <= most else latest(missing, most)
        for start in range(0, len(chosen), BATCH_POSTS):
            _unindexable.update(add(chosen[start : start + BATCH_POSTS]))
        removed = found.surplus[:most]
        if removed:
            remove(removed)
        return len(missing) - len(chosen) + len(found.surplus) - len(removed)


def latest(numbers: Sequence[int], most: int) -> list[int]:
    """Return those of these posts that were sent last."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM hyperkitty_email WHERE id = ANY(%s) ORDER BY date DESC LIMIT %s", (list(numbers), most)
        )
        return [number for (number,) in cursor]


def add(numbers: Iterable[int]) -> set[int]:
    """Index these posts, or index them again; return those that can't be."""
    from hyperkitty.models import Email

    posts = list(Email.objects.filter(id__in=list(numbers)).select_related("mailinglist", "thread", "sender"))
    backend, index = _backend()
    try:
        backend.update(index, posts)
    except Exception as error:
        log.warning("%s posts are indexed one by one: %s", len(posts), error)
    # The backend drops all that follow one that it can't index, and may not say so.
    for post in _not_indexed(posts):
        try:
            backend.update(index, [post])
        except Exception:
            log.exception("post %s of %s can't be indexed", post.message_id, post.mailinglist.name)
    return {post.id for post in _not_indexed(posts)}


def _not_indexed(posts: Iterable) -> list:
    import xapian

    database = xapian.Database(str(_path()))
    return [post for post in posts if not database.term_exists(f"{_term_prefix()}{post.id}")]


def remove(numbers: Iterable[int]) -> None:
    """Remove posts, all in one transaction: haystack makes one for each, which takes hours for a large list."""
    import xapian

    prefix = _term_prefix()
    database = xapian.WritableDatabase(str(_path()), xapian.DB_OPEN)
    try:
        for number in numbers:
            database.delete_document(f"{prefix}{number}")
    finally:
        database.close()


def rebuild() -> None:
    """Begin with an empty index. The caller holds the lock."""
    backend, _ = _backend()
    backend.clear()
    create(_path())


def compact() -> None:
    """Write the index again, without what was removed from it. The caller holds the lock.

    Removed words stay in the free parts of the files otherwise.
    """
    import xapian

    path = _path()
    new, old = path.with_name(f"{path.name}.new"), path.with_name(f"{path.name}.old")
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)  # it is there only if an earlier attempt was interrupted
    # It is missing if an earlier attempt ended between the two names.
    create(path)
    database = xapian.Database(str(path))
    database.compact(str(new))
    database.close()
    new.chmod(path.stat().st_mode & 0o777)
    _remove_quickly(path, old)
    new.rename(path)
    if old.exists():
        shutil.rmtree(old)


def _remove_quickly(path: Path, old: Path) -> None:
    """Remove a directory from its place: in one step, where the file system can rename it to `old`."""
    try:
        path.rename(old)
    except OSError as error:
        # A directory from a lower layer of an overlay can't be renamed.
        if error.errno != errno.EXDEV:
            raise
        shutil.rmtree(path)


def create(path: Path) -> None:
    """Make an empty index, unless there is one, that other users can't read: it has the words of private archives."""
    import xapian

    path.mkdir(mode=0o750, exist_ok=True)
    xapian.WritableDatabase(str(path), xapian.DB_CREATE_OR_OPEN).close()


def close_to_others(path: Path, dry_run: bool = False) -> bool:
    """Keep other users from an index that an earlier version of the kit made; return whether it was open to them."""
    exposed = [part for part in (path, *path.iterdir()) if part.stat().st_mode & 0o007]
    for part in exposed if not dry_run else ():
        part.chmod(part.stat().st_mode & 0o750)
    return bool(exposed)


@contextlib.contextmanager
def locked(seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock that HyperKitty's own jobs have, too. Raises IndexBusy after `seconds`."""
    from django.conf import settings
    from flufl.lock import Lock, TimeOutError

    path = Path(settings.HYPERKITTY_JOBS_UPDATE_INDEX_LOCKFILE)
    break_dead_lock(path)
    lock = Lock(str(path), lifetime=LOCK_LIFETIME)
    try:
        lock.lock(timeout=timedelta(seconds=seconds))
    except TimeOutError as error:
        raise IndexBusy("another process updates the search index") from error
    try:
        yield
    finally:
        lock.unlock(unconditionally=True)


def break_dead_lock(lock: Path) -> None:
    """Remove the index's lock where a killed process left it: it would hold for a quarter of an hour.

    The lock is a hard link to its owner's claim, whose name says which process that is.
    """
    for claim in lock.parent.glob(f"{lock.name}|*"):
        owner = claim.name.split("|")[-2]
        if Path("/proc", owner).exists():
            continue
        if lock.exists() and lock.samefile(claim):
            log.warning("process %s died while it updated the search index: its lock is removed", owner)
            lock.unlink()
        claim.unlink()


def _indexed() -> Iterator[int]:
    """Yield the numbers of the posts in the index: each document has a term with its post's."""
    import xapian

    prefix = _term_prefix()
    try:
        database = xapian.Database(str(_path()))
        for item in database.allterms(prefix):
            yield int(item.term[len(prefix) :])
    except xapian.DatabaseNotFoundError:
        create(_path())
    except xapian.Error as error:
        raise IndexDamaged(str(error)) from error


def _term_prefix() -> str:
    """Return what the term begins with that names a document's post."""
    from xapian_backend import ID, TERM_PREFIXES

    return f"{TERM_PREFIXES[ID]}{_LABEL}."


def _path() -> Path:
    from django.conf import settings

    return Path(settings.HAYSTACK_CONNECTIONS["default"]["PATH"])


def _backend():
    """Return haystack's backend, and HyperKitty's description of what of a post is indexed."""
    from haystack import connections
    from hyperkitty.models import Email

    connection = connections["default"]
    return connection.get_backend(), connection.get_unified_index().get_index(Email)
