"""The search index has what the database has, whatever the dates of the posts and the order in which they came."""

import errno
import logging
import os
import subprocess
import sys
import types
from datetime import timedelta
from pathlib import Path

import pytest

from listkit.web import search_index
from listkit.web.patches import archive_index

NO_PROCESS = 2**22 + 1


@pytest.fixture
def site(monkeypatch):
    """A database and an index. `refused`: posts that the index does not accept; `imported`: old posts."""
    site = types.SimpleNamespace(
        stored=set(), indexed=set(), refused=set(), order=[], held=False, locks=0, imported=set()
    )

    class Lock:
        def __init__(self, seconds):
            site.waited = seconds

        def __enter__(self):
            site.held = True
            site.locks += 1

        def __exit__(self, *_):
            site.held = False

    def add(numbers):
        assert site.held
        site.order.append(list(numbers))
        site.indexed.update(set(numbers) - site.refused)
        return set(numbers) & site.refused

    monkeypatch.setattr(search_index, "_unindexable", set())
    monkeypatch.setattr(search_index, "locked", Lock)
    monkeypatch.setattr(search_index, "difference", lambda: search_index.compare(site.stored, site.indexed))

    def latest(numbers, most):
        return sorted(numbers, key=lambda number: (number in site.imported, -number))[:most]

    monkeypatch.setattr(search_index, "latest", latest)
    monkeypatch.setattr(search_index, "add", add)
    monkeypatch.setattr(search_index, "remove", lambda numbers: site.indexed.difference_update(numbers))
    return site


def test_the_difference_is_reported_in_both_directions_and_the_newest_missing_post_comes_first():
    found = search_index.compare(stored=[1, 4, 9_000, 3], indexed=[3, 2, 10_000])
    assert found == search_index.Difference(missing=(9_000, 4, 1), surplus=(2, 10_000))
    assert search_index.compare([], []) == search_index.Difference((), ())


def test_a_post_below_those_in_the_index_is_found(site):
    site.stored, site.indexed = {1, 2, 3}, {1, 3}
    assert search_index.update() == 0
    assert site.indexed == site.stored


def test_the_lock_is_waited_for_as_long_as_the_caller_can(site):
    search_index.update()
    assert site.waited == search_index.LOCK_SECONDS
    search_index.update(wait_seconds=600)
    assert site.waited == 600


def test_a_post_that_was_removed_from_the_archive_is_removed_from_the_index(site):
    site.stored, site.indexed = {1}, {1, 2}
    search_index.update()
    assert site.indexed == {1}


def test_the_posts_of_a_list_that_was_removed_keep_no_new_post_waiting(site):
    site.stored, site.indexed = {1001}, set(range(1000))
    assert search_index.update(most=300) == 700
    assert 1001 in site.indexed
    assert [search_index.update(most=300) for _ in range(3)] == [400, 100, 0]
    assert site.indexed == {1001}


def test_the_latest_posts_are_indexed_before_those_of_an_import(site):
    site.stored, site.imported = set(range(1, 1001)), set(range(501, 1001))
    assert search_index.update(most=300) == 700
    assert site.indexed == set(range(201, 501))
    assert max(map(len, site.order)) == search_index.BATCH_POSTS


class TestAPeriodicJob:
    def test_it_completes_the_index_and_others_have_the_lock_after_each_piece(self, site):
        site.stored, site.indexed = set(range(500)), {1000}
        archive_index.update_in_pieces(None)
        assert site.indexed == site.stored
        assert max(map(len, site.order)) == search_index.BATCH_POSTS
        assert (site.locks, site.waited) == (3, archive_index.WAIT_SECONDS)

    def test_it_ends_while_an_import_adds_posts_as_fast_as_they_are_indexed(self, site, monkeypatch):
        site.stored = set(range(1000))

        def remove(numbers):
            assert site.locks < 100
            site.stored |= set(range(len(site.stored), len(site.stored) + search_index.BATCH_POSTS))

        monkeypatch.setattr(search_index, "remove", remove)
        archive_index.update_in_pieces(None)
        assert len(site.indexed) >= 1000

    @pytest.mark.parametrize(
        ("failure", "said"),
        [(search_index.IndexBusy("another process updates the search index"), "or the next job continues"),
         (search_index.IndexDamaged("no such file"), "no such file; run: listkit archive reindex --rebuild")],
    )  # fmt: skip
    def test_it_logs_why_it_cannot(self, site, monkeypatch, caplog, failure, said):
        def fail():
            raise failure

        monkeypatch.setattr(search_index, "difference", fail)
        archive_index.update_in_pieces(None)
        assert said in caplog.text


def test_a_post_that_cannot_be_indexed_does_not_keep_others_out_and_is_tried_once(site):
    site.stored, site.refused = {1, 2, 3}, {3}
    assert search_index.update(most=1) == 2
    assert search_index.update(most=1) == 1
    assert search_index.update(most=1) == 0
    assert site.indexed == {1, 2}
    assert site.order == [[3], [2], [1]]


class TestABackendThatRefusesAPost:
    """The backend may raise an exception, or drop what follows, silently."""

    @pytest.fixture(params=[None, ValueError("Term too long (> 245)")], ids=["silent", "raises"])
    def index(self, monkeypatch, request):
        index = types.SimpleNamespace(posts={}, error=request.param)

        class Posts(list):
            def filter(self, id__in):
                return Posts(post for post in self if post.id in id__in)

            def select_related(self, *names):
                return self

        posts = Posts(
            types.SimpleNamespace(id=number, message_id=f"{number}@x", mailinglist=types.SimpleNamespace(name="l@x"))
            for number in range(1, 5)
        )

        class Backend:
            def update(self, description, chosen):
                for post in chosen:
                    if post.id == 2:
                        if index.error:
                            raise index.error
                        return
                    index.posts[post.id] = post

        models = types.ModuleType("hyperkitty.models")
        models.Email = types.SimpleNamespace(objects=posts)
        monkeypatch.setitem(sys.modules, "hyperkitty", types.ModuleType("hyperkitty"))
        monkeypatch.setitem(sys.modules, "hyperkitty.models", models)
        monkeypatch.setattr(search_index, "_backend", lambda: (Backend(), None))
        monkeypatch.setattr(search_index, "_not_indexed", lambda all: [one for one in all if one.id not in index.posts])
        return index

    def test_the_others_are_indexed_and_the_refused_one_is_named(self, index, caplog):
        with caplog.at_level(logging.ERROR):
            assert search_index.add([1, 2, 3, 4]) == {2}
        assert set(index.posts) == {1, 3, 4}
        assert not index.error or "post 2@x of l@x can't be indexed" in caplog.text


class TestTheLock:
    """With flufl.lock's part played by the test: its lock is as in the versions 5 and 8."""

    @pytest.fixture
    def lock(self, monkeypatch, tmp_path):
        state = types.SimpleNamespace(path=tmp_path / "index.lock", taken=False, held=False)

        class Lock:
            def __init__(self, path, lifetime=None):
                assert path == str(state.path)

            def lock(self, timeout=None):
                assert isinstance(timeout, timedelta), "flufl.lock refuses a float, and waits indefinitely for None"
                if state.taken:
                    raise TimeoutError
                state.held = True

            def unlock(self, *, unconditionally=False):
                state.held = False

        settings = types.SimpleNamespace(HYPERKITTY_JOBS_UPDATE_INDEX_LOCKFILE=str(state.path))
        for name, contents in {
            "django": {},
            "django.conf": {"settings": settings},
            "flufl": {},
            "flufl.lock": {"Lock": Lock, "TimeOutError": TimeoutError},
        }.items():
            made = types.ModuleType(name)
            vars(made).update(contents)
            monkeypatch.setitem(sys.modules, name, made)
        return state

    def test_it_is_held_and_released_after_a_failure_too(self, lock):
        with pytest.raises(OSError, match="no space"), search_index.locked():
            assert lock.held
            raise OSError("no space")
        assert not lock.held

    def test_another_process_is_not_waited_for(self, lock):
        lock.taken = True
        with pytest.raises(search_index.IndexBusy), search_index.locked():
            pytest.fail("it was entered")

    @pytest.mark.parametrize(("owner", "stays"), [(os.getpid(), True), (NO_PROCESS, False)], ids=["alive", "dead"])
    def test_the_lock_of_a_dead_process_is_removed(self, lock, owner, stays):
        claim = lock.path.with_name(f"index.lock|host|{owner}|1234")
        claim.touch()
        lock.path.hardlink_to(claim)
        search_index.break_dead_lock(lock.path)
        assert (lock.path.exists(), claim.exists()) == (stays, stays)

    def test_the_lock_of_a_living_process_survives_a_dead_ones_claim(self, lock):
        claim = lock.path.with_name(f"index.lock|host|{os.getpid()}|1234")
        claim.touch()
        lock.path.hardlink_to(claim)
        lock.path.with_name(f"index.lock|host|{NO_PROCESS}|1").touch()
        search_index.break_dead_lock(lock.path)
        assert sorted(lock.path.parent.iterdir()) == [lock.path, claim]


def test_other_users_cannot_read_an_index_of_an_earlier_version(tmp_path):
    index = tmp_path / "index"
    index.mkdir(0o755)
    (index / "postlist.glass").touch(0o644)
    assert search_index.close_to_others(index, dry_run=True)
    assert index.stat().st_mode & 0o777 == 0o755
    assert search_index.close_to_others(index)
    assert index.stat().st_mode & 0o777 == 0o750
    assert (index / "postlist.glass").stat().st_mode & 0o777 == 0o640
    assert not search_index.close_to_others(index)


class TestCompacting:
    """Xapian keeps removed words in free parts of its files; `compact` writes what is in use to another directory."""

    @pytest.fixture
    def index(self, monkeypatch, tmp_path):
        class Database:
            def __init__(self, path, flags=0):
                self.path = Path(path)
                assert self.path.is_dir()

            def compact(self, target):
                Path(target).mkdir()
                for file in self.path.glob("used*"):
                    (Path(target) / file.name).write_text(file.read_text())

            def close(self):
                pass

        xapian = types.SimpleNamespace(Database=Database, WritableDatabase=Database, DB_CREATE_OR_OPEN=1)
        monkeypatch.setitem(sys.modules, "xapian", xapian)
        path = tmp_path / "index"
        monkeypatch.setattr(search_index, "_path", lambda: path)
        path.mkdir(mode=0o750)
        (path / "used").write_text("plums")
        (path / "free").write_text("ana")
        return path

    def test_only_what_is_in_use_stays(self, index, tmp_path):
        search_index.compact()
        assert [file.name for file in index.iterdir()] == ["used"] and index.stat().st_mode & 0o777 == 0o750
        assert list(tmp_path.iterdir()) == [index]

    def test_a_directory_that_cannot_be_renamed_is_replaced(self, index, tmp_path, monkeypatch):
        """Such as one from a lower layer of an overlay."""
        rename = Path.rename

        def rename_unless_lower(path, target):
            if path == index:
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            return rename(path, target)

        monkeypatch.setattr(Path, "rename", rename_unless_lower)
        search_index.compact()
        assert [file.name for file in index.iterdir()] == ["used"] and list(tmp_path.iterdir()) == [index]

    def test_a_directory_that_the_kernel_does_not_rename_is_removed(self, index, tmp_path):
        """With the error of a real second file system, to which no directory can be renamed."""
        (other := tmp_path / "other").mkdir()
        script = "import sys; from pathlib import Path; from listkit.web import search_index as tested;"
        script += "tested._remove_quickly(*map(Path, sys.argv[1:])); assert not any(Path(sys.argv[2]).parent.iterdir())"
        separate = ("unshare", "--map-root-user", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', other)
        paths = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run([*separate, sys.executable, "-c", script, index, other / "index.old"], env=paths, check=True)
        assert not index.exists()

    def test_what_an_interrupted_attempt_left_is_removed(self, index, tmp_path):
        index.rename(tmp_path / "index.old")
        (tmp_path / "index.new").mkdir()
        search_index.compact()
        # The job queue indexes all posts again.
        assert list(tmp_path.rglob("*")) == [index]
