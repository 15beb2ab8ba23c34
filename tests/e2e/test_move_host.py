"""A site moves to another host with `playbooks/move.yml`, and back, with all that waits and all that came meanwhile."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from deployment import Deployment, Site
from e2e import playbook
from e2e.mailing import MailingList, person
from e2e.website import WebSite, archived
from lab.commands import wait_for

pytestmark = [pytest.mark.lab, pytest.mark.slow]

PORT = 8099
PAUSE_SECONDS, BACK_SECONDS = 600, 300
"""How long the mailbox may be unread on the way to a fresh host with its packages, and to a host that was deployed.

Twice the goal, for a busy machine.
"""
STATE = "/var/lib/listkit/backup"
FINAL = f"{STATE}/final.json"
LOCK_IS_FREE = "flock -n /run/listkit-backup.lock true"
CARRIERS = ("listkit-bridge", "listkit-budget", "mailman3", "postfix")
STARTED = "systemctl show -P ActiveEnterTimestamp --timestamp=unix listkit-bridge"
# Postfix keeps what it can't deliver, and the budget's daemon isn't there to release what is on hold.
CLOG = "systemctl stop listkit-budget"
PHASES = (
    ("old", f"[ -e {STATE}/staging ]", "the first backup"),
    ("old", f"[ -e {FINAL} ]", "the final backup"),
    # With the program on the host, as when the host itself dies.
    ("new", f"[ -e {STATE}/restoring.json ] && pkill -KILL -f '[l]istkit.pyz backup restore'", "the restore"),
    ("new", "systemctl is-active -q listkit-bridge", "the bridge to run"),
)
"""In each, Ansible is killed once: the host, a shell condition there, and what it waits for."""


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

    def move(self, target: Site, source: Site) -> int:
        """Move the site; return for how many seconds the mailbox was not read."""
        done = self.play("playbooks/move.yml", target, source)
        assert done.returncode == 0, done.stdout[-6000:]
        self.lead_to(target)
        stopped = json.loads(source.host.run(f"cat {FINAL}"))["stopped"]
        return round(int(target.host.run(STARTED).strip().lstrip("@")) - stopped)

    def kill_in_each_phase(self) -> None:
        """Start the move to the new host again and again; each time it gets a phase further, and is killed there."""
        inventory = self.inventory(self.new, self.old)
        for name, condition, phase in PHASES:
            host = self.deployment.sites[name].host
            playbook.kill_after(
                lambda host=host, condition=condition, phase=phase: host.wait_until(condition, phase, playbook.SECONDS),
                inventory,
                "playbooks/move.yml",
            )
            host.wait_until(LOCK_IS_FREE, "`listkit backup` to end", playbook.SECONDS)

    def lead_to(self, site: Site) -> None:
        """Change the DNS."""
        self.deployment.stand_in.add_host(site.fqdn, site.host.address)

    def _variables(self, site: Site) -> dict[str, object]:
        return {**site.variables(site.host), "backup_repository": self.storage}


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
        """See that all is on the new host, that mail flows there, and that the old host is retired."""
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
        # Neither a reboot nor an operator with the former inventory starts the old host.
        enabled = old.host.try_run(f"systemctl is-enabled {' '.join(CARRIERS)}").stdout.split()
        assert set(enabled) == {"disabled"}
        refused = self.pair.play("playbook.yml", old)
        assert refused.returncode != 0 and "to move to another host" in refused.stdout

    def nothing_twice(self, *subjects: str) -> None:
        """See that the reader has one copy of each post."""
        mailing_list = self.on(self.pair.old)
        mailing_list.settle()
        for subject in subjects:
            assert mailing_list.copies([self.reader], subject) == {self.reader: 1}


@pytest.fixture
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    """A deployed host with the image `request.param`, a fresh one with Debian 13, and a storage that only adds."""
    deployment = Deployment.up(f"move-host-{os.getpid()}", {"old": request.param, "new": "kit-trixie"})
    address = f"{deployment.lab.network.gateway}:{PORT}"
    server = subprocess.Popen(
        ["rclone", "serve", "restic", "--append-only", "--addr", address, str(tmp_path / "store")],
        env={**os.environ, "HOME": str(tmp_path)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        pair = Pair(deployment, f"rest:http://{address}/listkit/")
        pair.deploy(pair.old)
        yield pair
    finally:
        server.terminate()
        server.wait(10)
        deployment.lab.down()


@pytest.mark.parametrize("pair", ["kit-trixie"], indirect=True)
def test_a_move_that_is_killed_in_each_phase_continues_and_comes_back(pair: Pair):
    traffic = Traffic.begin(pair)
    certificate = WebSite.of(pair.old).certificate

    pair.kill_in_each_phase()
    traffic.on(pair.new).post(traffic.author, "Between")
    pair.move(pair.new, pair.old)

    assert WebSite.of(pair.new).certificate == certificate
    traffic.arrived(pair.new, "Between")
    traffic.has_moved()
    # Another run doesn't bring back the state of the old host.
    pair.move(pair.new, pair.old)
    assert traffic.on(pair.new).held() == []

    seconds = pair.move(pair.old, pair.new)

    print(f"on the way back the mailbox was not read for {seconds} s")
    assert seconds <= BACK_SECONDS
    traffic.flows(pair.old, "Back again")
    for subject in ("Before", "Meanwhile"):
        archived(WebSite.of(pair.old).browser(), traffic.on(pair.old).address, subject)
    traffic.nothing_twice("Before", "Waiting", "Between", "Meanwhile", "Held", "Back again")


@pytest.mark.parametrize("pair", ["kit-bookworm"], indirect=True)
def test_a_site_moves_to_a_later_release_and_can_be_reopened(pair: Pair):
    traffic = Traffic.begin(pair)
    pair.deploy(pair.new, "--tags", "base")

    seconds = pair.move(pair.new, pair.old)

    print(f"the mailbox was not read for {seconds} s")
    assert seconds <= PAUSE_SECONDS
    traffic.has_moved()

    refused = pair.play("playbooks/move.yml", pair.old, pair.new)
    assert refused.returncode != 0 and "can't be restored on an earlier release" in refused.stdout
    assert pair.new.host.try_run(f"test -e {FINAL}").returncode
    pair.new.host.run("listkit backup final")
    pair.old.host.run("listkit backup reopen --set-aside")
    pair.deploy(pair.old)
    pair.lead_to(pair.old)
    traffic.flows(pair.old, "Back again")
    traffic.nothing_twice("Before", "Waiting", "Meanwhile", "Held", "Back again")
