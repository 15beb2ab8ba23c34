"""A host of several is lost, or all of them: the command of docs/runbooks/lost-host.md brings the site back."""

from __future__ import annotations

import json
import re
import secrets
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployment import Deployment, Site
from e2e import playbook
from e2e.backup_storage import append_only
from e2e.mailing import MailingList, person
from e2e.website import WebSite, archived
from lab import Lab
from lab.commands import wait_for
from lab.labs import names

pytestmark = [pytest.mark.lab, pytest.mark.slow]

LAB, NAME = "lost-host", "lost"
IMAGES = ("kit-trixie", "kit-bookworm", "kit-trixie")
SECONDS = 1500
"""For a run of a play over fresh hosts on a busy machine."""
PAGE = (playbook.ROOT / "docs/runbooks/lost-host.md").read_text()
COMMANDS = dict(re.findall(r"^\| ([^|]+) \| `ansible-playbook ([^`]+)` \|$", PAGE, re.MULTILINE))
PARTS = {
    "the host in `mailman_web`": ("web",),
    "the host in `database`": ("database",),
    "the host in `mailman`, while the others are whole": ("host",),
    "all of several hosts": ("host", "web", "database"),
}
"""What the page calls lost, and which hosts of a `Site` these are."""


@dataclass(frozen=True)
class Operator:
    """Deploys the site of several hosts. storage: where its backups are."""

    storage: str

    @property
    def deployment(self) -> Deployment:
        """The hosts that are there now."""
        return Deployment.load(LAB)

    @property
    def site(self) -> Site:
        """The site."""
        return self.deployment.sites[NAME]

    def run(self, command: str) -> None:
        """Run a playbook, with the words of a command line."""
        words = shlex.split(command)
        variables = json.dumps({"backup_repository": self.storage})
        done = playbook.run_with(self.deployment.inventory, *words, "-e", variables, seconds=SECONDS)
        assert done.returncode == 0, done.stdout[-6000:]

    def lose(self, *parts: str) -> None:
        """Destroy hosts, and make fresh ones, which have other addresses."""
        lost = [getattr(self.site, part) for part in parts]
        for host in lost:
            host.destroy()
        fresh = Deployment.up(LAB, {NAME: ",".join(IMAGES)}).sites[NAME]
        assert not {host.address for host in fresh.hosts} & {host.address for host in lost}


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    """A deployed site of three hosts, and a storage elsewhere that only adds."""
    if LAB in names():
        Lab.load(LAB).down()  # what an interrupted test has left
    deployment = Deployment.ready(LAB, {NAME: ",".join(IMAGES)})
    try:
        with append_only(deployment.lab, tmp_path) as storage:
            made = Operator(storage)
            made.run("playbook.yml --tags backup")
            yield made
    finally:
        Lab.load(LAB).down()


def test_the_page_has_a_command_for_each_loss():
    assert set(COMMANDS) == {*PARTS, "the only host"}


@pytest.mark.parametrize("lost", PARTS)
def test_a_lost_host_is_replaced(operator: Operator, lost: str):
    name, author, reader = f"t{secrets.token_hex(3)}", person("author"), person("reader")
    before = MailingList(operator.deployment, operator.site, name)
    before.create()
    before.configure(archive_policy="public", description="As it was")
    before.add(author, reader)
    before.post(author, "Before")
    before.arrives(reader, "Before")
    archived(WebSite.of(operator.site).browser(), before.address, "Before")
    before.post(person("stranger"), "Held")
    wait_for(before.held, "the stranger's post to be held", 120, every=1)
    before.settle()
    operator.run("playbooks/backup.yml")

    operator.lose(*PARTS[lost])
    operator.run(COMMANDS[lost])

    after = MailingList(operator.deployment, operator.site, name)
    assert set(after.members()) == {author, reader}
    assert after.rest("GET", f"lists/{after.address}/config")["description"] == "As it was"
    website = WebSite.of(operator.site)
    archived(website.browser(), after.address, "Before")
    after.moderate(after.held()[0], "accept")
    after.arrives(reader, "Held")
    after.post(author, "Afterwards")
    after.arrives(reader, "Afterwards")
    archived(website.browser(), after.address, "Afterwards")
    website.superuser()
    after.settle()
    for subject in ("Before", "Held", "Afterwards"):
        assert after.copies([reader], subject) == {reader: 1}
    for host in operator.site.hosts:
        host.run("listkit check --wait 120")
