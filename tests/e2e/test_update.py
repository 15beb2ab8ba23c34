"""A host with the kit's last release is updated to this version, and goes back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployment import ROOT, Deployment
from e2e import playbook
from e2e.release import CHANGELOG, ReleaseError, known_to, released
from e2e.traffic import Traffic
from lab import Lab
from lab.labs import names
from listkit import __version__

# With hosts of its own; `make update` runs it.
pytestmark = [pytest.mark.lab, pytest.mark.slow]

LAB = "update"
SECONDS = 1200
"""For a deployment on a busy machine."""
RECAP = re.compile(r"^host +: .*changed=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Operator:
    """Deploys versions of the kit on one host, each from a directory of its own."""

    deployment: Deployment

    def deploy(self, kit: Path) -> int:
        """Run a version's playbook; return how many of its tasks changed something."""
        inventory = self.deployment.lab.directory / "update.json"
        inventory.write_text(json.dumps(known_to(kit, json.loads(self.deployment.inventory.read_text()))))
        done = playbook.run_with(inventory, "playbook.yml", "-D", seconds=SECONDS, kit=kit)
        assert done.returncode == 0, done.stdout[-6000:]
        return int(RECAP.findall(done.stdout)[-1])

    @property
    def deployed(self) -> str:
        """The version that the host has recorded."""
        record = json.loads(self.deployment.sites["host"].host.run("cat /etc/listkit/kit.json"))
        return str(record["kit"]["version"])


@pytest.fixture
def operator() -> Iterator[Operator]:
    """An operator with an empty host."""
    if LAB in names():
        Lab.load(LAB).down()  # an interrupted test has left it
    try:
        yield Operator(Deployment.up(LAB, {"host": "kit-bookworm"}))
    finally:
        if LAB in names():
            Lab.load(LAB).down()


def test_a_site_of_the_last_release_is_updated_and_goes_back(operator: Operator, tmp_path: Path):
    release = released(CHANGELOG.read_text())[0]
    try:
        kit = release.unpack(tmp_path)
    except ReleaseError as missing:
        pytest.skip(f"a clone without history and without its origin: {missing}")
    operator.deploy(kit)
    assert operator.deployed == release.version

    traffic = Traffic.begin(operator.deployment)
    traffic.mailing_list.configure(description="As the owner wants it", max_message_size=1234)
    settings = traffic.mailing_list.state()
    traffic.leave_one_waiting()
    operator.deploy(ROOT)
    assert operator.deployed == __version__
    traffic.arrives("Waiting")
    traffic.flows("Updated")
    traffic.is_complete("Before", "Waiting", "Updated")
    assert traffic.mailing_list.state() == settings
    assert operator.deploy(ROOT) == 0

    # What the update's runbook calls the way back.
    operator.deploy(kit)
    assert operator.deployed == release.version
    traffic.flows("Back")
    traffic.is_complete("Before", "Waiting", "Updated", "Back")
    assert traffic.mailing_list.state() == settings
