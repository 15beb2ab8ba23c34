"""A host with Debian 12 is upgraded to 13 in place: nothing is lost, and there is a way back."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployment import ROOT, Deployment
from e2e import playbook
from e2e.traffic import Traffic
from e2e.website import MANAGE
from lab import Host, Lab, snapshots
from lab.labs import names

pytestmark = [pytest.mark.lab, pytest.mark.slow]

LAB = "upgrade-in-place"
SECONDS = 1500
"""For a run of the play on a busy machine."""
KILL_SECONDS = 900
CANARY_MINUTES = 1440
"""The interval of its timer, which sends none during the test."""
LOG = "/var/log/listkit-upgrade.log"
# The program and what it has started, as when the host itself dies.
KILL = "pkill -KILL -f '[l]istkit.pyz upgrade'; pkill -KILL -x 'apt-get|dpkg|pg_upgrade.*|pg_dump.*|pg_restore'; true"
PHASES = (
    ("packages", f"grep -q 'Setting up libc6:.* (2.4' {LOG}"),
    ("database", "[ -e /etc/postgresql/17/main ]"),
)
"""In each, Ansible and the program on the host are killed once: the step, and what is waited for in it."""
ACCOUNTS = """
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
for name, email in ({ana!r}, {email!r}), ({ben!r}, {email!r}.capitalize()):
    account = get_user_model().objects.create(username=name, email=email)
    EmailAddress.objects.create(user=account, email=email, verified=True, primary=True)
"""
ADDRESSES = (
    "SELECT username, address.email, verified FROM account_emailaddress address"
    " JOIN auth_user account ON account.id = address.user_id"
)


@dataclass(frozen=True)
class Upgrade:
    """The host, and an operator who upgrades it."""

    deployment: Deployment

    @property
    def host(self) -> Host:
        """The host."""
        return self.deployment.sites["host"].host

    def play(self, *words: str, name: str = "playbooks/upgrade.yml") -> subprocess.CompletedProcess[str]:
        """Run a playbook."""
        return playbook.run_with(self.deployment.inventory, name, "-D", *words, seconds=SECONDS)

    def succeeds(self, *words: str, name: str = "playbooks/upgrade.yml") -> str:
        """Run a playbook, and return what it said."""
        done = self.play(*words, name=name)
        assert done.returncode == 0, done.stdout[-6000:]
        return done.stdout

    def is_refused(self, *reasons: str, name: str = "playbooks/upgrade.yml", words: tuple[str, ...] = ()) -> None:
        """See that a playbook refuses to run, for all these reasons."""
        done = self.play(*words, name=name)
        said = " ".join(done.stdout.split())
        assert done.returncode != 0
        for reason in reasons:
            assert reason in said, done.stdout[-6000:]

    def goes_back(self, *words: str) -> None:
        """Go back to Debian 12 with one command, which sends a canary at its end."""
        canary = json.dumps({"canary_interval": CANARY_MINUTES})
        said = self.succeeds("-v", "-e", "upgrade_back=true", "-e", canary, *words)
        assert "round trip" in said.partition("TASK [Send a canary]")[2], said[-6000:]
        assert (self.host.run("cut -d. -f1 /etc/debian_version").strip(), self.serving, self.step) == ("12", "15", "")

    def is_killed(self, step: str, condition: str, *words: str) -> None:
        """Start the play, and kill it and the program on the host in this step."""
        inside = f"grep -qs '\"{step}\"' /var/lib/listkit/upgrade.json && {condition}"

        def kill() -> None:
            self.host.wait_until(inside, f"the step {step}", KILL_SECONDS)
            self.host.run(KILL)

        playbook.kill_after(kill, self.deployment.inventory, "playbooks/upgrade.yml", *words)
        assert self.step == step

    @property
    def step(self) -> str:
        """The step that the host says it has reached."""
        return json.loads(self.host.run("listkit upgrade status"))["step"]

    @property
    def serving(self) -> str:
        """The version of PostgreSQL that has the data."""
        return self.host.run("cd / && runuser -u postgres -- psql -Atc 'SHOW server_version_num'")[:2]

    @property
    def addresses(self) -> set[tuple[str, ...]]:
        """The addresses of the web interface's accounts, each with the account's name and whether it is confirmed."""
        lines = self.host.run(f'cd / && runuser -u www-data -- psql -At mailman3web -c "{ADDRESSES}"').splitlines()
        return {tuple(line.split("|")) for line in lines}


@pytest.fixture
def upgrade() -> Iterator[Upgrade]:
    """A deployed host with Debian 12."""
    if LAB in names():
        Lab.load(LAB).down()  # what an interrupted test has left
    try:
        yield Upgrade(Deployment.ready(LAB, {"host": "kit-bookworm"}))
    finally:
        if LAB in names():
            Lab.load(LAB).down()


def test_a_host_is_upgraded_in_place_after_it_was_killed_in_each_step_and_goes_back(upgrade: Upgrade):
    host = upgrade.host
    traffic = Traffic.begin(upgrade.deployment)
    ana, ben, email = (f"{name}{secrets.token_hex(3)}" for name in ("ana", "ben", "us"))
    email += "@example.org"
    host.run(f"{MANAGE} shell", stdin=ACCOUNTS.format(ana=ana, ben=ben, email=email))

    # Nothing changes while something is in the way.
    host.run("apt-mark hold zstd")
    upgrade.is_refused("packages are held back: zstd", "differ only in case", "Nothing was changed.")
    host.run("apt-mark unhold zstd")
    assert upgrade.step == ""

    # The upgrade itself.
    traffic.leave_one_waiting()
    for step, condition in PHASES:
        upgrade.is_killed(step, condition, "-e", "upgrade_merge_addresses=true")
    upgrade.succeeds()
    assert (host.run("cut -d. -f1 /etc/debian_version").strip(), upgrade.serving, upgrade.step) == ("13", "17", "done")
    assert {(ana, email, "t"), (ben, email, "f")} <= upgrade.addresses
    traffic.arrives("Waiting")
    traffic.flows("After")
    traffic.is_complete("Before", "Waiting", "After")
    traffic.is_searchable()

    # The way back to the old cluster, which has the state of the moment at which mail stopped.
    archived_posts = traffic.archived_posts
    upgrade.succeeds("-e", "upgrade_back=true")
    assert (upgrade.serving, traffic.archived_posts) == ("15", archived_posts - 1)
    traffic.flows("On the old cluster")
    upgrade.succeeds()
    assert upgrade.serving == "17"
    traffic.is_complete("Before", "On the old cluster")

    # What remains to do.
    host.run("pg_dropcluster 15 main")
    host.run("DEBIAN_FRONTEND=noninteractive apt-get purge --yes postgresql-15 postgresql-client-15")
    host.reboot()
    host.run("listkit check --wait 180")
    traffic.flows("At the end")


def test_one_command_goes_back_to_debian_12_from_each_step(upgrade: Upgrade, tmp_path: Path):
    host, lab = upgrade.host, upgrade.deployment.lab
    traffic = Traffic.begin(upgrade.deployment)
    upgrade.deployment.stand_in.add_list_aliases(traffic.site.mailbox, "canary")
    traffic.leave_one_waiting()
    snapshot = snapshot_commands(tmp_path / "snapshot")

    # One upgrade, interrupted in each step: first go back from the last, then from the one before.
    (packages, its_condition), (database, condition) = PHASES
    upgrade.is_killed(packages, its_condition, "-e", snapshot)
    upgrade.is_refused("To go back to Debian 12 by the snapshot", words=("-e", "upgrade_back=true"))
    snapshots.save_disk(lab, host.name, tmp_path / packages)
    upgrade.is_killed(database, condition, "-e", snapshot)
    assert "To go back to Debian 12 by the snapshot" in host.try_run("listkit upgrade back").stderr
    host.kill()  # even if no login is possible any more
    upgrade.goes_back("-e", snapshot)
    traffic.arrives("Waiting")
    traffic.flows("Back from database")
    traffic.is_complete("Before", "Back from database")

    snapshots.put_disk_back(lab, host.name, tmp_path / packages)
    assert upgrade.step == packages
    upgrade.goes_back("-e", snapshot)
    traffic.flows("Back from packages")
    traffic.is_complete("Before", "Back from packages")

    # Before the packages are replaced, the host itself can go back.
    host.run("listkit upgrade stop")
    upgrade.is_refused("was interrupted (step stop)", name="playbook.yml")
    upgrade.goes_back()
    traffic.flows("Back from stop")
    traffic.is_complete("Before", "Back from packages", "Back from stop")


def snapshot_commands(directory: Path) -> str:
    """Return the play's variables with the commands that make a snapshot of the host, and put it back."""
    lab = f"env PYTHONPATH={ROOT}/tests /usr/bin/python3 -m lab"
    return json.dumps(
        {
            "upgrade_snapshot": f"{lab} save {LAB} host {directory}",
            "upgrade_snapshot_back": f"{lab} put-back {LAB} host {directory}",
        }
    )
