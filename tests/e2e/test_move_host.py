"""A site moves to another host with `playbooks/move.yml`, and back, with all that waits and all that came meanwhile.

Each move prints for how long the mailbox was not read, and the web interface could only be read or didn't answer.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from deployment import Deployment, Site
from e2e import playbook
from e2e.backup_storage import append_only
from e2e.mailing import MailingList, person
from e2e.website import MANAGE, WebSite, archived
from lab.commands import wait_for

pytestmark = [pytest.mark.lab, pytest.mark.slow]

PAUSE_SECONDS, READ_ONLY_SECONDS, BACK_SECONDS = 300, 600, 120
"""How long the mailbox may be unread, and the web interface only be read; and how long both, when returning."""
STATE = "/var/lib/listkit/backup"
FINAL = f"{STATE}/final.json"
LOCK_IS_FREE = "flock -n /run/listkit-backup.lock true"
CARRIERS = ("listkit-bridge", "listkit-budget", "mailman3", "postfix")
STARTED = "systemctl show -P ActiveEnterTimestamp --timestamp=unix "
# Postfix keeps what it can't deliver, and the budget's daemon isn't there to release what is on hold.
CLOG = "systemctl stop listkit-budget"
STANDBY = "[ -e /var/lib/listkit/standby ]"
# With the program on the host, as when the host itself dies.
RESTORES = f"[ -e {STATE}/restoring.json ] && pkill -KILL -f '[l]istkit.pyz backup restore'"
BRIDGE_RUNS = "systemctl is-active -q listkit-bridge"
PHASES = (
    ("old", f"[ -e {STATE}/staging ]", "the first backup"),
    ("new", RESTORES, "the restore of the first backup"),
    ("new", f"{STANDBY} && systemctl is-active -q nginx", "the new host to stand by"),
    ("old", f"[ -e {FINAL} ]", "the final backup"),
    ("new", f"{STANDBY} && {RESTORES}", "the restore of the final backup"),
    ("new", BRIDGE_RUNS, "the bridge to run"),
)
"""In each, Ansible is killed once: the host, a shell condition there, and what it waits for."""
PHASES_BACK = (
    ("new", f"[ -e {FINAL} ]", "the final backup"),
    ("old", RESTORES, "the restore"),
    ("old", BRIDGE_RUNS, "the bridge to run"),
)
BACK = ("-e", "back=true")
SAME_ADDRESSES = """
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
user = get_user_model().objects.create_user("twice", "twice@strict.test")
for email in ("twice@strict.test", "Twice@strict.test"):
    EmailAddress.objects.create(user=user, email=email, verified=False)
"""
AS_WEB = f"{MANAGE} shell"


@dataclass(frozen=True)
class Pauses:
    """For how many seconds the mailbox was not read, and nothing could be changed in the web interface."""

    mail: int
    changes: int


@dataclass(frozen=True)
class Pair:
    """Two hosts, one of which has the site. `storage`: where both find its backups."""

    deployment: Deployment
    storage: str

    @property
    def old(self) -> Site:
        """The site on the host where it began."""
        return self.deployment.sites["old"]

    @property
    def new(self) -> Site:
        """The same site, with its mailbox and its domain, on the other host."""
        host = self.deployment.sites["new"].host
        return replace(self.old, host=host, web=host, database=host)

    def inventory(self, target: Site, source: Site | None = None) -> Path:
        """Write the inventory of an operator who has the site on `target`, or moves it there from `source`."""
        inventory = json.loads(self.deployment.inventory.read_text())
        inventory["mailman"]["hosts"] = {target.host.name: self._variables(target)}
        if source:
            inventory["mailman_old"] = {"hosts": {source.host.name: self._variables(source)}}
        path = self.deployment.lab.directory / "move.json"
        path.write_text(json.dumps(inventory))
        return path

    def play(
        self, name: str, target: Site, source: Site | None = None, *words: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a playbook."""
        return playbook.run_with(self.inventory(target, source), name, *words)

    def deploy(self, target: Site, *words: str) -> None:
        """Run the kit's playbook."""
        done = self.play("playbook.yml", target, None, *words)
        assert done.returncode == 0, done.stdout[-6000:]

    def move(self) -> Pauses:
        """Move the site to the new host."""
        with self.readers() as answers:
            self._carry(self.new)
        assert set(answers) == {200}, f"readers of the old host got {dict(answers)}"
        return self._pauses(self.new, self.old)

    def back(self) -> Pauses:
        """Return to the old host."""
        self._carry(self.old, *BACK)
        return self._pauses(self.old, self.new)

    def refused(self, *words: str) -> str:
        """Start a move that is refused; return what Ansible said."""
        done = self.play("playbooks/move.yml", self.new, self.old, *words)
        assert done.returncode, done.stdout[-6000:]
        return done.stdout

    @contextmanager
    def readers(self) -> Iterator[Counter[int]]:
        """Somebody who reads the old host's archive all the time, and the statuses of the answers."""
        answers: Counter[int] = Counter()
        browser, over = WebSite.of(self.old).browser(), threading.Event()

        def read() -> None:
            while not over.wait(0.5):
                answers[browser.get("/mailman3/hyperkitty/").status] += 1

        thread = threading.Thread(target=read)
        thread.start()
        try:
            yield answers
        finally:
            over.set()
            thread.join()

    def kill_in_each_phase(self, phases: Iterable[tuple[str, str, str]], *words: str) -> None:
        """Start the move again and again; each time it gets a phase further, and is killed there."""
        inventory = self.inventory(self.new, self.old)
        for name, condition, phase in phases:
            host = self.deployment.sites[name].host
            playbook.kill_after(
                lambda host=host, condition=condition, phase=phase: host.wait_until(condition, phase, playbook.SECONDS),
                inventory,
                "playbooks/move.yml",
                *words,
            )
            for site in (self.old, self.new):
                site.host.wait_until(LOCK_IS_FREE, "`listkit backup` to end", playbook.SECONDS)

    def _carry(self, target: Site, *words: str) -> None:
        done = self.play("playbooks/move.yml", self.new, self.old, *words)
        assert done.returncode == 0, done.stdout[-6000:]
        self.lead_to(target)

    def _pauses(self, target: Site, source: Site) -> Pauses:
        stopped = json.loads(source.host.run(f"cat {FINAL}"))["stopped"]
        started = {
            unit: int(target.host.run(f"{STARTED}{unit}").strip().lstrip("@"))
            for unit in ("listkit-bridge", "mailman3-web")
        }
        pauses = Pauses(*(round(moment - stopped) for moment in started.values()))
        print(f"{source.host.name} to {target.host.name}: {pauses}")
        return pauses

    def lead_to(self, site: Site) -> None:
        """Change the DNS."""
        self.deployment.stand_in.add_host(site.fqdn, site.host.address)

    def _variables(self, site: Site) -> dict[str, object]:
        return {**site.variables(site.host), "backup_repository": self.storage, "canary_interval": 60}


@dataclass(frozen=True)
class Traffic:
    """A list with posts that were delivered, one that is held, and one whose copies wait in Postfix's queue."""

    pair: Pair
    name: str
    author: str
    reader: str

    @classmethod
    def begin(cls, pair: Pair) -> Traffic:
        """Make the list on the old host, and have people post to it."""
        traffic = cls(pair, f"t{secrets.token_hex(3)}", person("author"), person("reader"))
        mailing_list = traffic.on(pair.old)
        mailing_list.create()
        mailing_list.configure(archive_policy="public")
        mailing_list.add(traffic.author, traffic.reader)
        traffic.flows(pair.old, "Before")
        mailing_list.post(person("stranger"), "Held")
        wait_for(mailing_list.held, "the stranger's post to be held", 120, every=1)
        mailing_list.settle()
        pair.old.host.run(CLOG)
        mailing_list.post(traffic.author, "Waiting")
        pair.old.host.wait_until("find /var/spool/postfix/hold -type f | grep -q .", "a post on hold", 120)
        return traffic

    def on(self, site: Site) -> MailingList:
        """The list on this host."""
        return MailingList(self.pair.deployment, site, self.name)

    def flows(self, site: Site, subject: str) -> None:
        """Post, and see that it is delivered and archived there."""
        self.on(site).post(self.author, subject)
        self.arrived(site, subject)

    def arrived(self, site: Site, subject: str) -> None:
        """See that a post is delivered, and archived there."""
        self.on(site).arrives(self.reader, subject)
        archived(WebSite.of(site).browser(), self.on(site).address, subject)

    def has_moved(self) -> None:
        """See that all is on the new host, that mail flows there, and that the old host is retired, and can be read."""
        old, new = self.pair.old, self.pair.new
        there = self.on(new)
        assert set(there.members()) == {self.author, self.reader}
        assert [request["subject"] for request in there.held()] == ["Held"]
        archived(WebSite.of(new).browser(), there.address, "Before")
        self.arrived(new, "Waiting")
        self.flows(new, "Meanwhile")
        there.moderate(there.held()[0], "accept")
        there.arrives(self.reader, "Held")
        there.settle()
        assert all(old.host.try_run(f"systemctl is-active -q {unit}").returncode for unit in CARRIERS)
        assert "move to another host" in old.host.try_run("listkit check --only backup").stdout
        reader = WebSite.of(old).browser()
        archived(reader, there.address, "Before")
        assert reader.submit(reader.get("/mailman3/accounts/login/"), login="x", password="x").status == 503
        # Neither a reboot nor an operator with the former inventory starts the old host.
        enabled = old.host.try_run(f"systemctl is-enabled {' '.join(CARRIERS)}").stdout.split()
        assert set(enabled) == {"disabled"}
        refused = self.pair.play("playbook.yml", old)
        assert refused.returncode != 0 and "to move to another host" in refused.stdout

    def has_returned(self, newcomer: str) -> None:
        """See that the old host has what came to the new one: posts, a member, a setting, a held post. Mail flows."""
        here = self.on(self.pair.old)
        assert set(here.members()) == {self.author, self.reader, newcomer}
        assert here.state()["subject_prefix"] == "[Changed] "
        browser = WebSite.of(self.pair.old).browser()
        for subject in ("Before", "Waiting", "Meanwhile"):
            archived(browser, here.address, subject)
        (held,) = here.held()
        here.moderate(held, "accept")
        here.arrives(self.reader, "Another waits")
        self.flows(self.pair.old, "Back again")
        WebSite.of(self.pair.old).superuser()

    def nothing_twice(self, site: Site, *subjects: str) -> None:
        """See that the reader has one copy of each post, once the host with the site has nothing to send."""
        mailing_list = self.on(site)
        mailing_list.settle()
        for subject in subjects:
            assert mailing_list.copies([self.reader], subject) == {self.reader: 1}


@pytest.fixture
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    """A deployed host with the image `request.param`, a fresh one with Debian 13, and a storage that only adds."""
    deployment = Deployment.up(f"move-host-{os.getpid()}", {"old": request.param, "new": "kit-trixie"})
    try:
        with append_only(deployment.lab, tmp_path) as storage:
            pair = Pair(deployment, storage)
            deployment.stand_in.add_list_aliases(pair.old.mailbox, "canary")
            pair.deploy(pair.old)
            yield pair
    finally:
        deployment.lab.down()


@pytest.mark.parametrize("pair", ["kit-trixie"], indirect=True)
def test_a_move_that_is_killed_in_each_phase_continues_and_the_old_host_replaces_a_lost_one(pair: Pair):
    traffic = Traffic.begin(pair)
    certificate = WebSite.of(pair.old).certificate

    pair.kill_in_each_phase(PHASES)
    traffic.on(pair.new).post(traffic.author, "Between")
    pair.move()

    assert WebSite.of(pair.new).certificate == certificate
    traffic.arrived(pair.new, "Between")
    traffic.has_moved()
    # Another run doesn't bring back the state of the old host.
    pair.move()
    assert traffic.on(pair.new).held() == []
    traffic.nothing_twice(pair.new, "Before", "Waiting", "Between", "Meanwhile", "Held")

    pair.new.host.destroy()
    pair.old.host.run("listkit backup reopen --set-aside")
    pair.deploy(pair.old)
    pair.lead_to(pair.old)
    traffic.flows(pair.old, "Without the new host")
    traffic.nothing_twice(pair.old, "Before", "Waiting", "Between", "Meanwhile", "Held", "Without the new host")


@pytest.mark.parametrize("pair", ["kit-bookworm"], indirect=True)
def test_a_site_moves_to_a_later_release_and_returns_with_what_came_meanwhile(pair: Pair):
    traffic = Traffic.begin(pair)
    pair.old.host.run(AS_WEB, stdin=SAME_ADDRESSES)
    said = pair.refused()
    assert "addresses that differ only in case" in said and "listkit upgrade addresses --merge" in said
    assert pair.new.host.try_run("test -e /usr/local/bin/listkit").returncode
    pair.old.host.run(f"{BRIDGE_RUNS} && [ ! -e {FINAL} ]")
    pair.old.host.run("listkit upgrade addresses --merge")

    there = pair.move()

    assert there.mail <= PAUSE_SECONDS and there.changes <= READ_ONLY_SECONDS
    traffic.has_moved()
    newcomer = person("newcomer")
    traffic.on(pair.new).add(newcomer)
    traffic.on(pair.new).configure(subject_prefix="[Changed] ")
    traffic.on(pair.new).post(person("stranger"), "Another waits")
    wait_for(traffic.on(pair.new).held, "the stranger's post to be held", 120, every=1)
    traffic.on(pair.new).settle()

    pair.kill_in_each_phase(PHASES_BACK, *BACK)
    pair.back()

    traffic.has_returned(newcomer)
    # Once more, uninterrupted: with nothing to carry over but one post.
    pair.move()
    traffic.flows(pair.new, "Second time")
    traffic.on(pair.new).settle()
    back = pair.back()
    assert max(back.mail, back.changes) <= BACK_SECONDS
    traffic.flows(pair.old, "Second return")
    traffic.nothing_twice(
        pair.old,
        *("Before", "Waiting", "Meanwhile", "Held", "Another waits", "Back again", "Second time", "Second return"),
    )
