"""Older archives come in whole and once; what does not is named, and the search finds everything."""

from __future__ import annotations

import base64
import gzip
import io
import json
import mailbox
import os
import re
import secrets
import shlex
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from bench.archive import posts, write_mbox
from deployment import Deployment
from e2e import memory, playbook
from e2e.mailing import MailingList
from e2e.website import (
    MANAGE,
    SEARCHABLE_WITHIN_SECONDS,
    WebSite,
    archiving,
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
from mailboxes import made, packages

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

WEB_HOME = "/var/lib/mailman3/web"
AS_WEB_USER = ("env", "HOME=/", "runuser", "-u", "www-data", "--")
KILLED = """
import importlib, os, signal, sys
sys.path.insert(0, "/usr/local/lib/listkit/listkit.pyz")
from listkit.web import setup
setup.load_django()
name, calls, *words = sys.argv[1:]
module, _, path = name.partition(":")
*classes, last = path.split(".")
owner = importlib.import_module(module)
for one in classes:
    owner = getattr(owner, one)
original, left = getattr(owner, last), int(calls)

def deadly(*arguments, **more):
    global left
    left -= 1
    result = original(*arguments, **more)
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(owner, last, deadly)
from listkit.archive import cli
cli.main(["import", *words])
"""
"""An import that is killed after some calls of a function, which is named as `module:name`."""
KILLED_STATUS = 137
STEPS = (
    ("listkit.archive.mbox:_message", "150"),  # reading
    ("listkit.archive.store:ListArchive._add", "50"),  # adding
    ("listkit.archive.store:_order", "2"),  # threading
    ("listkit.archive.store:_forget_threads", "1"),  # a batch is stored
    ("listkit.web.patches.archive_senders:identify_senders", "1"),  # ending a list
    ("listkit.web.search_index:difference", "1"),  # indexing, with the index's lock
)

LAGGING = """
import subprocess, sys
sys.path.insert(0, "/usr/local/lib/listkit/listkit.pyz")
from listkit.web import search_index, setup
setup.load_django()
from hyperkitty.models import Email
numbers = list(Email.objects.filter(subject__endswith=sys.argv[1]).values_list("id", flat=True))
with search_index.locked(120):
    search_index.remove(numbers)
    subprocess.run(["listkit", "archive", "status"])
"""
"""Removes the posts with a subject from the index, and prints what `listkit archive status` says then."""

UNSOUND_THREADS = """
from django.db.models import Count, F, Max, Q
from hyperkitty.models import Thread

def act(address):
    alone = Count("emails", filter=Q(emails__parent=None))
    last = Max("emails__date")
    threads = Thread.objects.filter(mailinglist__name=address).annotate(alone=alone, last=last)
    unsound = threads.exclude(alone=1, starting_email__isnull=False, date_active=F("last"))
    return list(unsound.values_list("thread_id", flat=True))
"""
"""Returns the threads that don't have one first post, or not the date of their last."""

LINKED = """
from hyperkitty.models import Sender

def act(domain):
    linked = Sender.objects.filter(address__endswith=domain, mailman_id__isnull=False)
    return list(linked.values_list("address", flat=True))
"""
"""Returns the authors at a domain whom HyperKitty knows as users of Mailman."""
OTHER_AUTHORS = 5

MANY = """
import random, sys, time
address, count = sys.argv[1], int(sys.argv[2])
dice = random.Random(1)
vocabulary = ["".join(dice.choices("abcdefghiklmnoprstu", k=dice.randint(3, 9))) for _ in range(8000)]
for number in range(count):
    when = 1_200_000_000 + number * 3000
    separator = time.strftime("%a %b %d %H:%M:%S %Y", time.gmtime(when))
    date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(when))
    answered = f"In-Reply-To: <{number - 1}.many@example.com>\\n" if number % 5 else ""
    text = "\\n".join(" ".join(dice.choices(vocabulary, k=10)) for _ in range(12))
    print(f"From p@example.com {separator}\\nFrom: P{number % 400} <p{number % 400}@example.com>\\nTo: {address}\\n"
        f"Date: {date}\\nMessage-ID: <{number}.many@example.com>\\n{answered}Subject: {vocabulary[number // 5 % 8000]}"
        f"\\n\\n{text}\\n")
"""
"""Writes an mbox with so many posts to a list."""
MANY_POSTS = 100_000
MANY_SECONDS = 4 * 3600
WALK_SECONDS = 3600
SMALLEST_HOST_MIB = 2048
"""The memory of the smallest flavor that the kit is for."""
FEWEST_MESSAGES = 1000
LIVE_POSTS_FOUND_SECONDS = 120
LIVE_POSTS_EVERY_SECONDS = 60

OLD_POSTS, KILLED_POSTS, LIVE_POSTS = 400, 1000, 5
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
    file = f"{WEB_HOME}/{secrets.token_hex(4)}.mbox"
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


def test_strange_archives_come_in_whole_and_no_page_or_search_suffers(
    deployment: Deployment, release: str, website: WebSite, public_list: str, tmp_path: Path
):
    kinds = made.write(tmp_path / "made", all_readable=True)
    paths = (str(CASES), str(tmp_path / "made"))
    messages = CASES_MESSAGES + sum(kind.messages for kind in kinds)
    expected = CASES_POSTS + sum(kind.posts for kind in kinds)
    checked = import_archive(deployment, release, public_list, *paths, words=["--check"])
    assert f"{expected} would be added" in checked.stdout, checked.stdout
    assert posts_in_archive(website, public_list) == 0
    first = import_archive(deployment, release, public_list, *paths)
    assert f"{expected} added" in first.stdout, first.stdout
    assert "duplicate of message" in first.stdout
    assert posts_in_archive(website, public_list) == expected
    second = import_archive(deployment, release, public_list, *paths)
    assert f": {messages} messages read: 0 added" in second.stdout, second.stdout
    assert re.search(r"changed=0 .*failed=0", second.stdout), second.stdout
    assert in_django(website, EVERY_PAGE, public_list, website.site.fqdn) == []
    assert in_django(website, UNSOUND_THREADS, public_list) == []
    assert json.loads(website.site.web.run("listkit archive status"))["missing"] == 0
    assert exported(website, public_list) == expected


@pytest.mark.one_release
def test_a_mailman_2_tree_comes_in_with_a_report_and_what_is_no_mail_fails_the_run(
    deployment: Deployment, release: str, website: WebSite, mailing_list: MailingList, public_list: str, tmp_path: Path
):
    private, report = tmp_path / "archives/private", tmp_path / "report.txt"
    boxes = {mailing_list.name: zstd(write_mbox(posts(public_list, 3)).encode()), "members": b"Buy plums.\n"}
    for name, octets in boxes.items():
        (private / f"{name}.mbox").mkdir(parents=True)
        (private / f"{name}.mbox/{name}.mbox").write_bytes(octets)
    variables = {"import_domain": website.site.domain, "import_paths": str(private), "import_report": str(report)}
    run = playbook.run(deployment, release, "playbooks/import_archive.yml", **variables)
    assert run.returncode != 0
    reason = "members.mbox/members.mbox is neither a mailbox nor a message; it begins with: Buy plums."
    assert reason in run.stdout, run.stdout
    assert f"not read: {reason}" in report.read_text()
    assert f"{public_list}: 3 messages read: 3 added, 0 already in the archive, 0 not added" in report.read_text()
    assert posts_in_archive(website, public_list) == 3
    unknown = website.site.web.try_run("listkit archive import --list nobody@example.org /etc/hostname")
    assert unknown.returncode == 2
    assert "Mailman has no list nobody@example.org" in unknown.stderr


def zstd(octets: bytes) -> bytes:
    """Compress with the program that operators use."""
    return subprocess.run(["zstd", "-cq"], input=octets, capture_output=True, check=True).stdout


def test_reindex_repairs_what_the_search_lost(deployment: Deployment, release: str, website: WebSite, public_list: str):
    """A post from the future, and one that is missing from the index: `listkit check` sees both."""
    word = burst(website, public_list, 1)
    guest = website.browser()
    search = f"/mailman3/hyperkitty/search?mlist={public_list}&q={word}"
    wait_for(word, SEARCHABLE_WITHIN_SECONDS, lambda: guest.get(search), lambda page: f"{word} 0" in page.text)
    archived_at(website, f"{word} 0", datetime(2038, 1, 20, tzinfo=UTC))
    checked = website.site.web.run("listkit check --only web; true")
    assert "1 of" in checked and "archived in the future, the last on 2038-01-20" in checked, checked
    website.site.web.run("listkit archive reindex --rebuild")
    assert "search index: the search finds all" in website.site.web.run("listkit check --only web; true")
    assert f"{word} 0" in guest.get(search).text
    archived_at(website, f"{word} 0", datetime.now(UTC) - timedelta(hours=1))
    for repair in ("listkit archive reindex", f"{MANAGE} runjob hyperkitty update_index"):
        state = website.site.web.run(shlex.join([*AS_WEB_USER, "python3", "-c", LAGGING, f"{word} 0"]))
        assert json.loads(state.splitlines()[-1])["missing"] >= 1, state
        website.site.web.run(repair)
        assert json.loads(website.site.web.run("listkit archive status"))["missing"] == 0, repair
        assert f"{word} 0" in guest.get(search).text


def archived_at(website: WebSite, subject: str, moment: datetime) -> None:
    """Change when the posts with this subject were archived."""
    late = "update hyperkitty_email set archived_date = :'moment' where subject like '%' || :'subject'"
    in_database(website, late, subject=subject, moment=moment.isoformat())


def in_database(website: WebSite, statement: str, **variables: str) -> None:
    """Execute a statement of SQL with psql's variables."""
    words = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
    psql = ["runuser", "-u", "www-data", "--", "psql", "-q", *words, "mailman3web"]
    website.site.database.run(shlex.join(psql), stdin=statement)


def test_posts_are_linked_to_their_authors_accounts_without_a_request_for_each(
    website: WebSite, mailing_list: MailingList, public_list: str
):
    host, domain = website.site.web, f"{secrets.token_hex(4)}.test"
    member = f"Member@{domain}"
    mailing_list.add(member.lower(), send_welcome_message=False)
    authors = [member, *(f"p{number}@{domain}" for number in range(OTHER_AUTHORS))]
    messages = [compose(author, public_list, f"About {author}", "Plums.\n") for author in authors]
    for message in messages:
        message.replace_header("Date", format_datetime(LONG_AGO))
    file = upload(host, write_mbox(messages))
    assert f"{len(authors)} added" in host.run(f"listkit archive import --list {public_list} {file}; rm {file}")
    assert in_django(website, LINKED, domain) == [member]
    forget = "update hyperkitty_sender set mailman_id = null where address like '%' || :'domain'"
    in_database(website, forget, domain=domain)
    # The daily job does the same.
    host.run(f"{MANAGE} mailman_sync")
    assert in_django(website, LINKED, domain) == [member]
    requests = website.site.host.run("grep -F '/3.1/' /var/log/mailman3/mailman.log")
    assert "/3.1/addresses?count=" in requests
    assert domain not in "".join(line for line in requests.splitlines() if "/users/" in line)


@pytest.mark.one_release
def test_an_import_that_is_killed_at_any_step_continues_and_live_posts_are_found_meanwhile(
    website: WebSite, public_list: str
):
    host = website.site.web
    file = upload(host, write_mbox(posts(public_list, OLD_POSTS)))
    word, guest = burst(website, public_list, LIVE_POSTS), website.browser()
    before = 0
    for step in STEPS:
        killed = host.try_run(shlex.join([*AS_WEB_USER, "python3", "-c", KILLED, *step, "--list", public_list, file]))
        assert killed.returncode == KILLED_STATUS, (step, killed)
        now = posts_in_archive(website, public_list)
        assert before <= now <= OLD_POSTS + LIVE_POSTS, step
        before = now
    assert f"{OLD_POSTS} messages read: " in host.run(f"listkit archive import --list {public_list} {file}")
    search, last = f"/mailman3/hyperkitty/search?mlist={public_list}&q={word}", f"{word} {LIVE_POSTS - 1}"
    wait_for(last, SEARCHABLE_WITHIN_SECONDS, lambda: guest.get(search), lambda page: last in page.text)
    assert posts_in_archive(website, public_list) == OLD_POSTS + LIVE_POSTS
    assert json.loads(host.run("listkit archive status"))["missing"] == 0
    assert in_django(website, UNSOUND_THREADS, public_list) == []
    host.run(f"rm {file}")


@pytest.mark.slow
def test_a_playbook_whose_import_is_killed_says_so_and_the_next_run_continues(
    deployment: Deployment, release: str, website: WebSite, public_list: str, tmp_path: Path
):
    host, box = website.site.web, tmp_path / "old.mbox"
    box.write_text(write_mbox(posts(public_list, KILLED_POSTS)))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(import_archive, deployment, release, public_list, str(box))
        while not running.done() and not posts_in_archive(website, public_list):
            wait([running], 0.5)
        host.run(f"pkill -KILL -f '[a]rchive import .*{public_list}'")
        killed = running.result()
    assert killed.returncode != 0
    assert re.search(r"The import ended early .* run this again to continue it", killed.stdout), killed.stdout
    assert json.loads(host.run("listkit archive status"))["missing"] == 0
    host.run("test ! -e /var/lib/mailman3/web/import")
    before = posts_in_archive(website, public_list)
    assert 0 < before < KILLED_POSTS
    continued = import_archive(deployment, release, public_list, str(box))
    said = f"{KILLED_POSTS} messages read: {KILLED_POSTS - before} added, {before} already in the archive, 0 not added"
    # Ansible wraps long lines.
    assert said in " ".join(continued.stdout.split()), continued.stdout


@pytest.mark.slow
def test_mailboxes_of_all_kinds_and_of_twenty_packages_come_in_whole(
    website: WebSite, public_list: str, tmp_path: Path
):
    host, directory = website.site.web, f"{WEB_HOME}/{public_list}.mailboxes"
    packages.fetch_from_debian(host, directory)
    packages.fetch_from_pypi(tmp_path)
    made.write(tmp_path / "made")
    shutil.copytree(CASES, tmp_path / "cases")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(tmp_path, ".")
    host.run(f"base64 -d | tar -xzf - -C {directory}", stdin=base64.b64encode(packed.getvalue()).decode())
    host.run(f"chown -R www-data: {directory}")
    try:
        would_be = figures(host.try_run(f"listkit archive import --check --list {public_list} {directory}").stdout)
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(host.try_run, f"listkit archive import --list {public_list} {directory}", None, 3600)
            post_and_find(website, public_list)
            first = figures(running.result().stdout)
        assert first == would_be
        assert first.read == first.added + first.already + first.not_added > FEWEST_MESSAGES
        assert posts_in_archive(website, public_list) == first.added + LIVE_POSTS
        assert in_django(website, EVERY_PAGE, public_list, website.site.fqdn, seconds=WALK_SECONDS) == []
        assert in_django(website, UNSOUND_THREADS, public_list) == []
        second = figures(host.try_run(f"listkit archive import --list {public_list} {directory}").stdout)
        assert (second.read, second.added) == (first.read, 0)
        state = json.loads(host.run("listkit archive status"))
        assert (state["missing"], state["surplus"], state["future"]) == (0, 0, 0)
        assert exported(website, public_list) == first.added + LIVE_POSTS
    finally:
        host.run(f"rm -rf {directory}")


@pytest.fixture
def other_list(website: WebSite, mailing_list: MailingList) -> Iterator[str]:
    """The address of a second list whose archive everybody may read."""
    made = MailingList(mailing_list.deployment, mailing_list.site, f"u{secrets.token_hex(3)}")
    made.create()
    with archiving(website, made, "public") as address:
        yield address
    made.delete()


@pytest.mark.slow
def test_a_hundred_thousand_messages_need_little_memory_and_hide_no_other_lists_posts(
    website: WebSite, public_list: str, other_list: str
):
    """The import and its page cache get an eighth of the smallest host's memory."""
    host, file = website.site.web, f"{WEB_HOME}/{public_list}.mbox"
    limits = f"--property MemoryMax={SMALLEST_HOST_MIB // 8}M --property MemorySwapMax=0"
    command = f"systemd-run --quiet --collect --wait --pipe {limits} listkit archive import --list {public_list} {file}"
    found_after, used_mib = [], []
    try:
        host.run(f"{shlex.join(['python3', '-c', MANY, public_list, str(MANY_POSTS)])} > {file}; chown www-data {file}")
        began = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(host.run, command, None, MANY_SECONDS)
            while not running.done():
                found_after.append(post_and_find(website, other_list))
                used_mib.append(memory.total(host))
                wait([running], LIVE_POSTS_EVERY_SECONDS)
            assert figures(running.result()) == Figures(MANY_POSTS, MANY_POSTS, 0, 0)
        print(
            f"{MANY_POSTS / (time.monotonic() - began):.0f} messages a second, with the index; posts to another list"
            f" were found after {max(found_after):.0f} s at most; the host used {max(used_mib):.0f} MiB at most"
        )
        assert max(used_mib) < SMALLEST_HOST_MIB
        assert posts_in_archive(website, public_list) == MANY_POSTS
        assert posts_in_archive(website, other_list) == len(found_after) * LIVE_POSTS
        assert json.loads(host.run("listkit archive status"))["missing"] == 0
        assert in_django(website, UNSOUND_THREADS, public_list) == []
    finally:
        host.run(f"rm -f {file}")


def post_and_find(website: WebSite, address: str) -> float:
    """Post to a list and wait until the search finds it; return the seconds that it took."""
    began = time.monotonic()
    word, guest = burst(website, address, LIVE_POSTS), website.browser()
    search, last = f"/mailman3/hyperkitty/search?mlist={address}&q={word}", f"{word} {LIVE_POSTS - 1}"
    wait_for(last, LIVE_POSTS_FOUND_SECONDS, lambda: guest.get(search), lambda page: last in page.text)
    return time.monotonic() - began


class Figures(NamedTuple):
    """What the last line of a report says."""

    read: int
    added: int
    already: int
    not_added: int


def figures(report: str) -> Figures:
    """Read the figures of a report."""
    line = report.strip().splitlines()[-1]
    found = re.search(
        r": (\d+) messages? read: (\d+) (?:would be )?added, (\d+) already in the archive, (\d+) not added$", line
    )
    assert found, report
    return Figures(*map(int, found.groups()))


def exported(website: WebSite, address: str) -> int:
    """How many messages the export of a list has."""
    export = website.superuser().get(f"/mailman3/hyperkitty/list/{address}/export/all.mbox.gz")
    assert export.status == 200
    # A Message-ID may be folded to the next line; such a line of a body begins with ">From ".
    return len(re.findall(rb"^From ", gzip.decompress(export.body), re.MULTILINE))
