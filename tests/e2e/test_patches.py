"""The guards of the patches: they know both releases, and where the code differs, the services run without the patch.

The code is changed on the host, in the packages' own files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deployment import Deployment, Site
from e2e.mailing import MailingList, person
from e2e.website import WebSite, archived
from lab import Host

pytestmark = [pytest.mark.lab, pytest.mark.every_release]

PACKAGES = "/usr/lib/python3/dist-packages"
SAVED = "/var/cache/original.py"
WAIT_SECONDS = 180


@pytest.fixture
def site(deployment: Deployment, release: str) -> Site:
    """A deployed site."""
    return deployment.sites[release]


@contextmanager
def changed(host: Host, file: str, old: str, new: str, service: str) -> Iterator[None]:
    """A host where `old` in a package's file is `new`."""
    path = f"{PACKAGES}/{file}"
    host.run(f"grep -qF '{old}' {path} && cp -p {path} {SAVED} && sed -i 's/{old}/{new}/' {path}")
    try:
        host.run(f"systemctl restart {service}")
        yield
    finally:
        host.run(f"mv {SAVED} {path} && systemctl restart {service}")


def patches_finding(host: Host, wait: int = 0) -> dict:
    """What `listkit check` says about the patches."""
    findings = json.loads(host.try_run(f"listkit check --json --wait {wait}").stdout)
    return next(finding for finding in findings if finding["name"] == "patches")


def is_ok(host: Host) -> bool:
    """Whether all patches are applied."""
    return patches_finding(host, WAIT_SECONDS)["status"] == "ok"


def test_no_guard_fails_on_this_release(site: Site):
    assert all(is_ok(host) for host in {site.host, site.web})
    records = "find /run/listkit/patches -name '*.json'"
    assert {"core.json", "master.json"} <= {path.split("/")[-1] for path in site.host.run(records).split()}
    assert {"django.json", "queue.json"} <= {path.split("/")[-1] for path in site.web.run(records).split()}


def posts_arrive(mailing_list: MailingList) -> None:
    """A post to the list arrives."""
    reader, author = person("reader"), person("author")
    mailing_list.add(reader, author)
    mailing_list.post(author, "It goes on")
    mailing_list.arrives(reader, "It goes on")


@pytest.mark.parametrize(
    ("file", "old", "new", "patch"),
    [
        ("runner.py", "def _snooze(self, filecnt)", "def _snooze(self, filecnt, more=None)", "forked-runners"),
        ("switchboard.py", "def dequeue(self, filebase)", "def dequeue(self, filebase, more=None)", "atomic-handling"),
    ],
)
def test_where_mailman_differs_mail_goes_on_and_the_check_fails(
    site: Site, mailing_list: MailingList, file: str, old: str, new: str, patch: str
):
    with changed(site.host, f"mailman/core/{file}", old, new, "mailman3"):
        # Mailman's own master says that it is up before it listens.
        site.host.run("until ss -Htln | grep -q 127.0.0.1:8001; do sleep 0.2; done")
        posts_arrive(mailing_list)
        finding = patches_finding(site.host)
        assert finding["status"] == "critical"
        assert f"without the patch {patch}: mailman.core.{file[:-3]}:" in finding["seen"]
        assert "docs/reference/patches.md" in finding["remedy"]
        # Mailman's own runners set a message aside that they handle when they are stopped.
        mailing_list.settle()
    assert is_ok(site.host)


def test_a_master_that_is_not_as_expected_is_debians(site: Site):
    with changed(
        site.host,
        "mailman/bin/master.py",
        "def _start_runner(self, spec)",
        "def _start_runner(self, spec, more=None)",
        "mailman3",
    ):
        assert "own master runs" in site.host.run("systemctl show -P StatusText mailman3")
    assert "all runners are up" in site.host.run("systemctl show -P StatusText mailman3")


def test_where_the_archive_differs_its_api_is_closed_and_the_rest_goes_on(
    site: Site, website: WebSite, mailing_list: MailingList, public_list: str
):
    old, new = "def get_object(self)", "def get_object(self, more=None)"
    guest, author = website.browser(), person("author")
    api = "/mailman3/hyperkitty/api/lists/?format=json"
    mailing_list.add(author)
    assert guest.get(api).status == 200
    with changed(site.web, "hyperkitty/api/email.py", old, new, "mailman3-web"):
        assert guest.get(api).status == 404
        assert "without the patch archive-api" in patches_finding(site.web)["seen"]
        mailing_list.post(author, "Archived all the same")
        assert archived(guest, public_list, "Archived all the same").status == 200
    assert guest.get(api).status == 200


def test_where_django_q_differs_its_own_cluster_runs(site: Site):
    file = site.web.run(f"cd {PACKAGES} && grep -l '^def worker(' django_q/*.py").strip()
    with changed(site.web, file, "task_queue: Queue, result", "tasks: Queue, result", "mailman3-web"):
        site.web.run("until pgrep -f 'manage.py qcluster' > /dev/null; do sleep 0.2; done")
        assert "without the patch job-queue" in patches_finding(site.web)["seen"]
