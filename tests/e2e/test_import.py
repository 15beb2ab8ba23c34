"""Older archives come in whole and once; what does not is named, and the search finds everything."""

from __future__ import annotations

import json
import mailbox
import os
import re
import secrets
import shlex
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest

from bench.archive import posts, write_mbox
from deployment import Deployment
from e2e import playbook
from e2e.mailing import MailingList
from e2e.website import (
    SEARCHABLE_WITHIN_SECONDS,
    WebSite,
    burst,
    import_archive,
    import_mbox,
    in_django,
    posts_in_archive,
    removing_archive,
    wait_for,
)
from infomaniak import compose
from lab import Host

pytestmark = pytest.mark.every_release("web")

CASES = Path(__file__).resolve().parents[1] / "unit/archive/cases"
CASES_MESSAGES = 117
CASES_POSTS = 48 + 3 + 3 + 8 + 3 + 1
"""Without duplicates: `broken2` repeats `broken`, and `mac` and `one` repeat `good`."""

EVERY_PAGE = """
from collections import Counter
from django.test import Client
from hyperkitty.models import Attachment, Email, Thread

def act(address, host):
    paths = [f"thread/{thread.thread_id}/" for thread in Thread.objects.filter(mailinglist__name=address)]
    for post in Email.objects.filter(mailinglist__name=address):
        paths.append(f"message/{post.message_id_hash}/")
        paths += [
            f"message/{post.message_id_hash}/attachment/{part.counter}/{part.name}" for part in post.attachments.all()
        ]
    client, faults = Client(HTTP_HOST=host), []
    for path in [*paths, "", "2015/3/", "latest"]:
        answer = client.get(f"/hyperkitty/list/{address}/{path}", secure=True)
        if answer.status_code != 200:
            faults.append(f"{answer.status_code} {path}")
    return faults
"""
"""Returns which pages of a list's archive are errors."""

OLD_POSTS, LIVE_POSTS = 600, 5
YEAR_SECONDS = 366 * 86_400
LONG_AGO = datetime(2009, 3, 7, 12, 0, tzinfo=UTC)


@pytest.mark.split
def test_an_mbox_file_is_imported_once(deployment: Deployment, release: str, mailing_list: MailingList, tmp_path: Path):
    website = WebSite.of(deployment.sites[release])
    mailing_list.configure(archive_policy="public")
    message = compose("Ida Old <ida@example.com>", mailing_list.address, "Damsons", "Who has damsons to give away?\n")
    message.replace_header("Date", format_datetime(LONG_AGO))
    with removing_archive(website, mailing_list.address):
        first_run = import_mbox(deployment, release, mailing_list.address, [message], tmp_path)
        assert "1 message read: 1 added" in first_run, first_run
        second_run = import_from_here(deployment, release, mailing_list.address, tmp_path / "import.mbox")
        assert re.search(r"changed=0 .*failed=0", second_run), second_run
        guest = website.browser()
        assert "Damsons" in guest.get(f"/mailman3/hyperkitty/list/{mailing_list.address}/2009/3/").text
        search = f"/mailman3/hyperkitty/search?mlist={mailing_list.address}&q=damsons"
        wait_for(
            "search result", SEARCHABLE_WITHIN_SECONDS, lambda: guest.get(search), lambda page: "Ida Old" in page.text
        )


def upload(host: Host, mbox: str) -> str:
    """Put an mbox where the web interface's user can read it; return its path."""
    file = f"/var/lib/mailman3/web/{secrets.token_hex(4)}.mbox"
    host.run(f"cat > {file}; chown www-data {file}", stdin=mbox)
    return file


def test_a_message_from_the_future_keeps_no_later_post_out_of_the_search(website: WebSite, public_list: str):
    message = compose("Ida Early <ida@example.com>", public_list, "Quinces", "Next year's are the best.\n")
    of_next_year = mailbox.mboxMessage(message)
    of_next_year.set_from("ida@example.com", time.gmtime(time.time() + YEAR_SECONDS))
    host, mbox = website.site.web, f"From {of_next_year.get_from()}\n{of_next_year.as_string()}\n"
    file = upload(host, mbox)
    assert "1 message read: 1 added" in host.run(f"listkit archive import --list {public_list} {file}; rm {file}")
    word, guest = burst(website, public_list, 1), website.browser()
    wait_for(
        "search result",
        SEARCHABLE_WITHIN_SECONDS,
        lambda: guest.get(f"/mailman3/hyperkitty/search?mlist={public_list}&q={word}"),
        lambda page: f"{word} 0" in page.text,
    )


def import_from_here(deployment: Deployment, release: str, address: str, box: Path) -> str:
    """Import a file that is named as one does who stands elsewhere than beside the playbook."""
    return import_archive(deployment, release, address, os.path.relpath(box, playbook.ROOT)).stdout


@pytest.mark.one_release
def test_an_unknown_list_is_refused(deployment: Deployment, release: str, tmp_path: Path):
    said = import_mbox(deployment, release, "nobody@example.org", [], tmp_path)
    assert "Mailman has no list nobody@example.org" in said


def test_strange_archives_come_in_whole_and_no_page_or_search_suffers(
    deployment: Deployment, release: str, website: WebSite, public_list: str
):
    before = posts_in_archive(website, public_list)
    checked = import_archive(deployment, release, public_list, str(CASES), words=["--check"])
    assert f"{CASES_POSTS} would be added" in checked.stdout, checked.stdout
    assert posts_in_archive(website, public_list) == before
    first = import_archive(deployment, release, public_list, str(CASES))
    assert f"{CASES_POSTS} added" in first.stdout, first.stdout
    assert "duplicate of message" in first.stdout
    assert posts_in_archive(website, public_list) == before + CASES_POSTS
    second = import_archive(deployment, release, public_list, str(CASES))
    assert f": {CASES_MESSAGES} messages read: 0 added" in second.stdout, second.stdout
    assert re.search(r"changed=0 .*failed=0", second.stdout), second.stdout
    assert in_django(website, EVERY_PAGE, public_list, website.site.fqdn) == []
    assert json.loads(website.site.web.run("listkit archive status"))["missing"] == 0
    exported = website.superuser().get(f"/mailman3/hyperkitty/list/{public_list}/export/all.mbox.gz")
    assert exported.status == 200


@pytest.mark.one_release
def test_a_file_that_is_no_mail_fails_the_run_in_words(
    deployment: Deployment, release: str, public_list: str, tmp_path: Path
):
    (tmp_path / "notes.mbox").write_text("Buy plums.\n")
    run = import_archive(deployment, release, public_list, str(tmp_path / "notes.mbox"))
    assert run.returncode != 0
    assert "notes.mbox is neither a mailbox nor a message; it begins with: Buy plums." in run.stdout, run.stdout


def test_reindex_repairs_what_the_search_lost(deployment: Deployment, release: str, website: WebSite, public_list: str):
    """A post from the future, and one that is missing from the index: `listkit check` sees both."""
    word = burst(website, public_list, 1)
    guest = website.browser()
    search = f"/mailman3/hyperkitty/search?mlist={public_list}&q={word}"
    wait_for(word, SEARCHABLE_WITHIN_SECONDS, lambda: guest.get(search), lambda page: f"{word} 0" in page.text)
    psql = ["runuser", "-u", "www-data", "--", "psql", "-q", "-v", f"subject={word} 0", "mailman3web"]
    late = "update hyperkitty_email set archived_date = '2038-01-20' where subject like '%' || :'subject'"
    website.site.database.run(shlex.join(psql), stdin=late)
    checked = website.site.web.run("listkit check --only web; true")
    assert "1 of" in checked and "archived in the future, the last on 2038-01-20" in checked, checked
    website.site.web.run("listkit archive reindex --rebuild")
    assert "search index: the search finds all" in website.site.web.run("listkit check --only web; true")
    assert f"{word} 0" in guest.get(search).text


def test_an_import_that_is_killed_continues_and_live_posts_are_found_meanwhile(website: WebSite, public_list: str):
    host = website.site.web
    file = upload(host, write_mbox(posts(public_list, OLD_POSTS)))
    command = f"listkit archive import --list {public_list} {file}"
    host.run(f"systemd-run --quiet --collect --unit test-import {command}")
    deadline = time.monotonic() + SEARCHABLE_WITHIN_SECONDS
    while not posts_in_archive(website, public_list):
        assert time.monotonic() < deadline, "no post was imported"
        time.sleep(0.2)
    host.run("systemctl kill --signal KILL test-import")
    assert 0 < posts_in_archive(website, public_list) < OLD_POSTS
    with ThreadPoolExecutor(1) as pool:
        rest = pool.submit(host.run, command)
        word, guest = burst(website, public_list, LIVE_POSTS), website.browser()
        search = f"/mailman3/hyperkitty/search?mlist={public_list}&q={word}"
        last = f"{word} {LIVE_POSTS - 1}"
        wait_for(last, SEARCHABLE_WITHIN_SECONDS, lambda: guest.get(search), lambda page: last in page.text)
        assert f"{OLD_POSTS} messages read: " in rest.result()
    assert posts_in_archive(website, public_list) == OLD_POSTS + LIVE_POSTS
    assert json.loads(host.run("listkit archive status"))["missing"] == 0
    host.run(f"rm {file}")
