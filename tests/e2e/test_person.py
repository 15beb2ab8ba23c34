"""Everything about a person is shown; after erasing, no file or database of the site names them. Old threads go."""

from __future__ import annotations

import json
import mailbox
import re
import secrets
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime

import pytest

from deployment import SITE_OWNER, Site
from e2e.mailing import DELIVERY_SECONDS, MailingList, person, subject
from e2e.website import MANAGE, WebSite, archived, archiving, posts_in_archive
from infomaniak import compose
from lab import Host

pytestmark = [pytest.mark.lab, pytest.mark.every_release]

RETENTION = "/etc/listkit/archive.json"
ACCOUNT = """
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
user = get_user_model().objects.create_user({email!r}, {email!r}, first_name={first!r}, last_name={last!r})
EmailAddress.objects.create(user=user, email={email!r}, verified=True, primary=True)
"""
EXPORT = "/srv/members.csv"
"""Of the members; the operator's."""
KILLED_IN = {"the web interface and the archive": "web", "the mailboxes": "host"}
"""The parts of the site during which an erasure is killed, each with the host that has it."""
OTHER_HOSTS = {"the host with the web interface": "web", "the host with the database": "database"}
"""How the command names them."""
PROGRESS = "/run/erasure.log"
NOT_SEARCHED = ("/var/lib/postgresql", "/var/log/journal", "/var/lib/apt", "/var/cache")
"""The databases are searched as such. Of the journal, single lines can't be deleted: the report says so."""


@dataclass(frozen=True)
class Someone:
    """A person with two addresses; the name occurs once."""

    first: str
    last: str
    email: str
    work: str

    @classmethod
    def new(cls) -> Someone:
        """Return a new person."""
        last = f"Zoltan{secrets.token_hex(3)}"
        return cls("Quirina", last, person(last.lower()), person(f"q.{last.lower()}"))

    @property
    def author(self) -> str:
        """What their posts are from."""
        return f"{self.first} {self.last} <{self.email}>"

    @property
    def texts(self) -> list[str]:
        """What no file may have. The addresses contain the last name, too."""
        return [self.last, self.email, self.work]


@pytest.mark.split
def test_after_erasing_nothing_on_any_host_names_the_person(deployment, release, website, mailing_list):
    quirina, site = Someone.new(), mailing_list.site
    with archiving(website, mailing_list, "public"), removed(site, EXPORT):
        words = leave_traces(website, mailing_list, quirina)
        shown = show(site, quirina.work)
        kinds = {finding["kind"] for finding in shown["held"]}
        assert shown["addresses"] == sorted([quirina.email, quirina.work])
        assert kinds >= {
            "address",
            "membership",
            "pending",
            "held",
            "ban",
            "account",
            "post",
            "mention",
            "mailbox",
            "log",
        }
        assert "Plum cake" in json.dumps(shown)
        last_owner = erase(site, quirina.work)
        assert last_owner.returncode == 2 and f"last owner of {mailing_list.address}" in last_owner.stderr
        mailing_list.add_owner(person("owner"))
        planned = erase(site, quirina.work, "--dry-run")
        assert planned.returncode == 0 and "Your posts in the archive: 1." in planned.stdout
        # A search that fails would find nothing, too.
        assert named_in_files(site, quirina) and named_in_databases(site, quirina)
        for part, host in KILLED_IN.items():
            erase_and_kill(getattr(site, host), quirina.email, part)
        erased = erase(site, quirina.work, "--bans")
        assert erased.returncode == 0, erased.stdout + erased.stderr
        assert EXPORT in erased.stdout
        site.host.run(f"rm {EXPORT}")
        assert "What this can't reach" in erased.stdout
        assert named_in_files(site, quirina) == []
        assert named_in_databases(site, quirina) == []
        assert_others_keep_theirs(website, mailing_list, quirina, words)
        assert {finding["kind"] for finding in show(site, quirina.email, quirina.work)["held"]} <= {"journal"}


def test_an_administrator_and_the_sites_owner_are_refused(deployment, release):
    done = erase(deployment.sites[release], SITE_OWNER)
    assert done.returncode == 2 and done.stdout == ""
    assert "is an administrator's" in done.stderr and "is the address of the site's owner" in done.stderr


def leave_traces(website: WebSite, mailing_list: MailingList, someone: Someone) -> tuple[str, str]:
    """Leave something of the person in every part of the site; return the subjects of two posts in the archive."""
    name, site = f"{someone.first} {someone.last}", mailing_list.site
    mailing_list.add(someone.email, display_name=name)
    mailing_list.rest("POST", f"users/{someone.email}/addresses", email=someone.work)
    mailing_list.add_owner(someone.email)
    account = ACCOUNT.format(email=someone.email, first=someone.first, last=someone.last)
    site.web.run(f"{MANAGE} shell -c {shlex.quote(account)}")
    first, second = subject(), subject()
    own = compose(someone.author, mailing_list.address, first, f"Plum cake recipe\n-- \n{name}\nTel. 0123\n")
    own.add_alternative(f"<p>Plum cake</p><p>{name}</p>", subtype="html")
    mailing_list.deployment.stand_in.post(someone.email, mailing_list.address, own)
    browser = website.browser()
    archived(browser, mailing_list.address, first)
    quotation = f"On Monday, {name} <{someone.email}> wrote:\n> Plum cake recipe\n\nApricots are better.\n"
    other = compose(person("ben"), mailing_list.address, second, quotation, In_Reply_To=own["Message-ID"])
    website.deliver(other)
    wait_for_posts(website, mailing_list, 2)
    mailing_list.configure(default_member_action="hold")
    website.deliver(compose(someone.author, mailing_list.address, subject(), f"Held words of {name}\n"))
    site.host.wait_until(
        f"listkit trace {someone.email} | grep -q 'waits for a moderator'", "the post to be held", DELIVERY_SECONDS
    )
    mailing_list.configure(subscription_policy="confirm")
    mailing_list.rest("POST", "members", list_id=mailing_list.list_id, subscriber=someone.work, pre_verified=True)
    mailing_list.rest("POST", f"lists/{mailing_list.address}/bans", email=someone.work)
    site.web.run("listkit archive reindex")
    site.host.run(f"umask 077 && listkit members export {mailing_list.address} {EXPORT}")
    mailing_list.settle()
    return first, second


def wait_for_posts(website: WebSite, mailing_list: MailingList, count: int) -> None:
    """Wait until the archive has this many posts."""
    stand_in = mailing_list.deployment.stand_in
    stand_in.wait(
        lambda: posts_in_archive(website, mailing_list.address) >= count, f"{count} archived posts", DELIVERY_SECONDS
    )


def show(site: Site, *addresses: str) -> dict:
    """What all hosts of the site hold: first that with core, which knows all addresses."""
    shown: dict = {"addresses": addresses, "held": []}
    for host in site.hosts:
        words = ["listkit", "person", "show", "--json", *shown["addresses"]]
        found = json.loads(host.try_run(shlex.join(words)).stdout)
        shown = {"addresses": found["addresses"], "held": [*shown["held"], *found["held"]]}
    return shown


def erase(site: Site, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `listkit person erase` on the host with core, and then on each other host the command that it prints."""
    done = site.host.try_run(shlex.join(["listkit", "person", "erase", *words]))
    commands = dict(re.findall(r"run on (the host with [a-z ]+), .*: sudo (.+)", done.stderr))
    assert set(commands) == (set(OTHER_HOSTS) if site.split and done.stderr else set()), done.stderr
    for host in commands if done.returncode == 0 else ():
        other = getattr(site, OTHER_HOSTS[host]).try_run(commands[host])
        done.returncode = max(done.returncode, other.returncode)
        done.stdout, done.stderr = done.stdout + other.stdout, done.stderr + other.stderr
    return done


def erase_and_kill(host: Host, address: str, part: str) -> None:
    """Begin to erase, and kill the command when it has come to a part of the site."""
    reached = f"grep -qF {shlex.quote(part)} {PROGRESS}"
    host.run(
        f"rm -f {PROGRESS}; listkit person erase {address} > {PROGRESS} 2>&1 & pid=$!;"
        f" until {reached} 2>/dev/null || ! kill -0 $pid; do sleep 0.02; done; kill -9 $pid"
    )


def named_in_files(site: Site, someone: Someone) -> list[str]:
    """The files on the site's hosts that have one of the person's texts, also parts of the search index."""
    pruned = " -o ".join(f"-path {path}" for path in NOT_SEARCHED)
    texts = " ".join(f"-e {shlex.quote(text)}" for text in someone.texts)
    search = f"find /etc /home /root /srv /tmp /var -xdev \\( {pruned} \\) -prune -o -type f -print0"
    command = f"{search} | xargs -0 grep -lsaiF {texts} || true"  # grep fails without a match
    return [f"{host.name}: {file}" for host in site.hosts for file in host.run(command).splitlines()]


def named_in_databases(site: Site, someone: Someone) -> list[str]:
    """The lines of the databases' dumps that have one of the person's texts; attachments are in escapes."""
    texts = " ".join(f"-e {shlex.quote(text)}" for text in someone.texts)
    found = []
    for name in ("mailman3", "mailman3web"):
        dump = f"runuser -u postgres -- env PGOPTIONS='-c bytea_output=escape' pg_dump {name}"
        found += site.database.run(
            f"cd / && {dump} | grep -aiF {texts} || true"
        ).splitlines()  # grep fails without a match
    return found


def assert_others_keep_theirs(
    website: WebSite, mailing_list: MailingList, someone: Someone, subjects: tuple[str, str]
) -> None:
    """Only the person is gone from the archive: texts, and what others wrote, are there."""
    browser = website.browser()
    thread = archived(browser, mailing_list.address, subjects[0]).text
    assert "Plum cake recipe" in thread and "(name removed)" in thread
    assert "Tel. 0123" not in thread and someone.last not in thread
    of_list = "(select id from hyperkitty_mailinglist where name = :'word')"
    query = f"select content from hyperkitty_email where mailinglist_id = {of_list}"  # noqa: S608 -- constant
    texts = in_database(mailing_list.site, query, mailing_list.address)
    assert "On Monday, (name removed) <removed-" in texts and "Apricots are better" in texts
    for words, count in ((f"{someone.last}", 0), ("Apricots", 1)):
        page = browser.get(f"/mailman3/hyperkitty/search?mlist={mailing_list.address}&q={words}").text
        assert (subjects[0] in page or subjects[1] in page) is bool(count), page[:2000]
    assert posts_in_archive(website, mailing_list.address) == 2
    assert mailing_list.held() == [] and someone.email not in mailing_list.members()


@contextmanager
def removed(site: Site, path: str) -> Iterator[None]:
    """Remove a file afterwards."""
    try:
        yield
    finally:
        site.host.run(f"rm -f {path}")


@contextmanager
def keeping(site: Site, address: str, duration: str) -> Iterator[None]:
    """Keep the posts of one list for this long."""
    before = site.web.run(f"cat {RETENTION}")
    site.web.run(f"cat > {RETENTION}", stdin=json.dumps({"keep": "", "lists": {address: duration}}))
    try:
        yield
    finally:
        site.web.run(f"cat > {RETENTION}", stdin=before)


def test_old_threads_are_deleted_with_attachments_and_index(release, website, mailing_list, tmp_path):
    site, word = mailing_list.site, f"prune{secrets.token_hex(3)}"
    with archiving(website, mailing_list, "public") as address, keeping(site, address, "5y"):
        box = mailbox.mbox(tmp_path / "old.mbox")
        old = [dated(address, f"{word} {number}", years=8) for number in range(3)]
        # An old question with a recent answer stays.
        asked = dated(address, f"{word} asked", years=7)
        answer = dated(address, f"Re: {word} asked", years=1)
        answer["In-Reply-To"] = asked["Message-ID"]
        for message in (*old, asked, answer):
            box.add(message)
        box.close()
        site.web.run("cat > /tmp/old.mbox", stdin=(tmp_path / "old.mbox").read_text())
        site.web.run(f"listkit archive import --list {address} /tmp/old.mbox; rm /tmp/old.mbox")
        assert posts_in_archive(website, address) == 5
        # All have just been imported.
        assert site.web.run("listkit archive prune") == "" and posts_in_archive(website, address) == 5
        in_database(site, "update hyperkitty_email set archived_date = date where subject ~ :'word'", word)
        planned = site.web.run("listkit archive prune --dry-run")
        assert f"{address}: 3 posts of threads" in planned and posts_in_archive(website, address) == 5
        site.web.run("systemctl start listkit-archive-prune.service")
        assert posts_in_archive(website, address) == 2
        assert in_database(site, "select count(*) from hyperkitty_attachment where name ~ :'word'", word) == "2"
        page = website.browser().get(f"/mailman3/hyperkitty/search?mlist={address}&q={word}").text
        assert f"{word} asked" in page and f"{word} 1" not in page
        assert json.loads(site.web.run("listkit archive status"))["surplus"] == 0
        threads = "select count(distinct thread_id) from hyperkitty_email where subject ~ :'word'"
        assert in_database(site, threads, word) == "1"


def dated(address: str, title: str, years: int) -> EmailMessage:
    """A message from some years ago, with an attachment."""
    message = compose(person(), address, title)
    del message["Date"]
    message["Date"] = format_datetime(datetime.now(UTC) - timedelta(days=366 * years))
    message.add_attachment("notes\n", filename=f"{title.split()[-2]}.txt")
    return message


def in_database(site: Site, statement: str, word: str) -> str:
    """Run a statement with `word` in the archive's database."""
    psql = ["runuser", "-u", "postgres", "--", "psql", "-Atq", "-v", f"word={word}", "mailman3web"]
    return site.database.run(f"cd / && {shlex.join(psql)}", stdin=statement).strip()
