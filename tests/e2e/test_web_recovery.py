"""What dies on the web side, or is upgraded under it, is back within seconds, and nothing is lost meanwhile."""

from __future__ import annotations

import json
import secrets
import shlex
import time
from collections.abc import Callable, Iterator

import pytest

from e2e.browser import Browser
from e2e.website import SEARCHABLE_WITHIN_SECONDS, WebSite, archived, wait_for
from infomaniak import compose

INDEX_IN_USE = "another process updates the search index"
INDEX_LOCK = "/run/mailman3-web/update-index.lock"
_HOLD = """
import signal
from flufl.lock import Lock
lock = Lock({path!r}, lifetime=600)
lock.lock(timeout=60)
signal.pause()
"""
_SET_UP = """
import json, pathlib, sys
sys.path.insert(0, "/usr/local/lib/listkit/listkit.pyz")
from listkit.web import setup
setup.load_django()
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
wanted = json.loads(pathlib.Path("/etc/listkit/web.json").read_text())
passwords = {wanted["superuser"]: "first-password-1"}
print(json.dumps([setup.apply(wanted, passwords, dry_run) for dry_run in (True, False, False)]))
"""
BACK_WITHIN_SECONDS = 60
"""Generous, for a busy machine: what isn't started again never comes back."""
JOBS_WITHIN_SECONDS = 420
"""A job that fails is tried again after six minutes."""
FALLBACK = "django-q's own cluster runs instead"


def pids(website: WebSite, pattern: str) -> set[str]:
    """The processes whose command line matches."""
    return set(website.site.web.try_run(f"pgrep --full '{pattern}'").stdout.split())


def wait_until(what: str, seconds: float, well: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not well():
        assert time.monotonic() < deadline, f"no {what} within {seconds} s"
        time.sleep(0.5)


def pages_are_back(website: WebSite, superuser: Browser) -> None:
    """Wait until guests and members get pages, Mailman core's among them."""
    for browser, path in (
        (website.browser(), "hyperkitty/"),
        (superuser, "hyperkitty/"),
        (superuser, "postorius/domains/"),
    ):
        wait_for(
            "page",
            BACK_WITHIN_SECONDS,
            lambda browser=browser, path=path: browser.get(f"/mailman3/{path}?now={time.monotonic()}"),
            lambda page: page.status == 200,
        )


def newest_job(website: WebSite) -> int:
    """The number of the job that was queued last."""
    return int(in_database(website, "select last_value from django_q_ormq_id_seq"))


def jobs_since(website: WebSite, job: int) -> list[int]:
    """The jobs queued after this one that aren't done. Older ones are another test's."""
    jobs = map(int, in_database(website, "select id from django_q_ormq").split())
    return [number for number in jobs if number > job]


def in_database(website: WebSite, statement: str, user: str = "www-data") -> str:
    """Run a statement in the web interface's database; return what it says."""
    psql = ["runuser", "-u", user, "--", "psql", "-Atq", "mailman3web", "-c", statement]
    return website.site.database.run(shlex.join(psql))


def takes_posts(website: WebSite, address: str, subject: str) -> None:
    """Post to the list; the post is archived, and all that HyperKitty wants done about it is done."""
    before = newest_job(website)
    website.deliver(compose("bo@example.com", address, subject))
    archived(website.browser(), address, subject)
    wait_until("end of the jobs", JOBS_WITHIN_SECONDS, lambda: not jobs_since(website, before))


class TestAKilled:
    @pytest.mark.parametrize("which", ["worker 1", "worker 2", "mule 1", "master"])
    def test_process_of_the_application_is_replaced(
        self, website: WebSite, superuser: Browser, public_list: str, which: str
    ):
        pattern = f"^uWSGI {which}$"
        before = pids(website, pattern)
        assert len(before) == 1
        website.site.web.run(f"kill -KILL {before.pop()}")
        wait_until(f"new {which}", BACK_WITHIN_SECONDS, lambda: len(pids(website, pattern)) == 1)
        pages_are_back(website, superuser)
        takes_posts(website, public_list, f"After {which}")

    @pytest.mark.every_release("web")
    def test_queue_leaves_no_job_behind(self, website: WebSite, public_list: str):
        takes_posts(website, public_list, "First")
        before = newest_job(website)
        # A job that somebody has taken and not finished: what a killed queue leaves. It would stay so for minutes.
        taken = (
            "insert into django_q_ormq (key, payload, lock)"
            " values ('default', 'unreadable', now() + interval '5 minutes')"
        )
        mule = pids(website, "^uWSGI mule 1$").pop()
        website.site.web.run(f"kill -STOP {mule}")
        in_database(website, taken)
        website.site.web.run(f"kill -KILL {mule}")
        wait_until("end of the jobs", JOBS_WITHIN_SECONDS, lambda: not jobs_since(website, before))

    @pytest.mark.every_release("web")
    def test_process_that_updates_the_index_keeps_no_job_waiting(self, website: WebSite, public_list: str):
        host = website.site.web
        word = f"medlar{secrets.token_hex(4)}"
        hold = shlex.join(["python3", "-c", _HOLD.format(path=INDEX_LOCK)])
        host.run(f"systemd-run --quiet --collect --unit=test-index-lock --uid=www-data {hold}")
        try:
            wait_until("lock", BACK_WITHIN_SECONDS, lambda: not host.try_run(f"test -e {INDEX_LOCK}").returncode)
            takes_posts(website, public_list, f"About {word}")
            wait_until("turn without the index", BACK_WITHIN_SECONDS, lambda: INDEX_IN_USE in since_start(website))
            takes_posts(website, public_list, "While the index is in use")
        finally:
            # The lock stays: its owner is dead, and it would hold for ten minutes.
            host.run("systemctl kill --signal=KILL test-index-lock")
        wait_for(
            "search result",
            SEARCHABLE_WITHIN_SECONDS,
            lambda: website.browser().get(f"/mailman3/hyperkitty/search?q={word}"),
            lambda page: f"About {word}" in page.text,
        )

    def test_worker_of_nginx_is_replaced(self, website: WebSite, superuser: Browser, public_list: str):
        before = pids(website, "^nginx: worker process$")
        website.site.web.run(f"kill -KILL {' '.join(before)}")
        wait_until("new workers", BACK_WITHIN_SECONDS, lambda: bool(pids(website, "^nginx: worker process$") - before))
        pages_are_back(website, superuser)
        takes_posts(website, public_list, "After nginx")

    @pytest.mark.split
    def test_backend_of_postgresql_breaks_nothing_for_long(
        self, website: WebSite, superuser: Browser, public_list: str
    ):
        pages_are_back(website, superuser)
        pid = "select pid from pg_stat_activity where datname = 'mailman3web' and pid <> pg_backend_pid() limit 1"
        backend = in_database(website, pid, user="postgres").strip()
        assert backend
        # PostgreSQL then ends every connection, core's too: it can't know what the killed one left in shared memory.
        website.site.database.run(f"kill -KILL {backend}")
        pages_are_back(website, superuser)
        takes_posts(website, public_list, "After PostgreSQL")

    @pytest.mark.split
    def test_restart_of_postgresql_costs_nobody_a_page(self, website: WebSite, superuser: Browser):
        def statuses() -> set[int]:
            # So many that each thread is asked, and no two the same, so that the cache can't answer.
            paths = [f"/mailman3/hyperkitty/?now={time.monotonic()}-{number}" for number in range(8)]
            return {*website.browser().get_at_once(paths), *(superuser.get(path).status for path in paths)}

        pages_are_back(website, superuser)
        assert statuses() == {200}
        website.site.database.run("systemctl restart postgresql && until pg_isready -q; do sleep 0.1; done")
        assert statuses() == {200}


@pytest.mark.every_release("web")
class TestAnEmptyDatabase:
    def test_in_the_place_of_the_old_one_is_set_up(self, website: WebSite, empty_database: str):
        # PostgreSQL's library looks into the home, and root's is closed to this user.
        argv = ["env", "HOME=/", "runuser", "-u", "www-data", "--", "python3", "-c", _SET_UP, empty_database]
        foreseen, done, again = json.loads(website.site.web.run(f"cd / && {shlex.join(argv)}").splitlines()[-1])
        assert [change.partition(":")[0] for change in foreseen] == ["tables of the database"]
        assert done[0] == foreseen[0]
        assert f"site {website.site.fqdn}" in " ".join(done)
        assert again == []


@pytest.fixture
def empty_database(website: WebSite) -> Iterator[str]:
    """A database of the web interface's user with nothing in it."""
    name, host = f"empty_{secrets.token_hex(4)}", website.site.database
    host.run(f"cd / && runuser -u postgres -- createdb --owner www-data {name}")
    try:
        yield name
    finally:
        host.run(f"cd / && runuser -u postgres -- dropdb --force {name}")


@pytest.mark.every_release("web")
class TestAnUpgrade:
    def test_of_the_packages_breaks_nothing(self, website: WebSite, superuser: Browser, public_list: str):
        host = website.site.web
        ours = "sha256sum /etc/mailman3/* /etc/nginx/conf.d/listkit.conf 2>/dev/null; systemctl cat mailman3-web"
        before = host.run(ours)
        # The same versions again: the maintainer scripts run as they do for new ones.
        packages = "mailman3-web python3-django-hyperkitty python3-django-q uwsgi-plugin-python3"
        ours_stay = "--option Dpkg::Options::=--force-confold"
        install = f"apt-get install -qq -y --no-install-recommends --reinstall {ours_stay} {packages}"
        host.run(f"DEBIAN_FRONTEND=noninteractive {install} && systemctl restart mailman3-web", timeout=900)
        assert host.run(ours) == before
        pages_are_back(website, superuser)
        takes_posts(website, public_list, "After the upgrade")
        assert FALLBACK not in since_start(website)

    def test_that_changes_the_job_queue_falls_back_to_the_packaged_one(
        self, website: WebSite, superuser: Browser, public_list: str, other_django_q: None
    ):
        website.site.web.run("systemctl restart mailman3-web")
        wait_until("fallback", BACK_WITHIN_SECONDS, lambda: FALLBACK in since_start(website))
        wait_until("cluster", BACK_WITHIN_SECONDS, lambda: bool(pids(website, "manage.py qcluster")))
        pages_are_back(website, superuser)
        takes_posts(website, public_list, "After the fallback")


def since_start(website: WebSite) -> str:
    """The journal of the web interface since it was last started."""
    show = "systemctl show --property=InvocationID --value mailman3-web"
    return website.site.web.run(f"journalctl --no-pager _SYSTEMD_INVOCATION_ID=$({show})")


@pytest.fixture
def other_django_q(website: WebSite, superuser: Browser) -> Iterator[None]:
    """A django-q whose inner functions take parameters of other names, and which works by itself."""
    host, folder = website.site.web, "/usr/lib/python3/dist-packages/django_q"
    change = r"find {} -name '*.py' -exec sed -i 's/\b{}\b/{}/g' {{}} +"
    assert not host.try_run(f"grep -rlw other_queue {folder}").stdout, "there is one already: install django-q again"
    host.run(change.format(folder, "result_queue", "other_queue"))
    try:
        yield
    finally:
        host.run(change.format(folder, "other_queue", "result_queue"))
        host.run("systemctl restart mailman3-web")
        pages_are_back(website, superuser)
