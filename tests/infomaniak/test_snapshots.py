"""A lab that is restored from a snapshot: its disks and its mail service are what they were when it was taken."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from infomaniak import StandIn, compose
from lab import Lab, places, snapshots


@pytest.fixture(autouse=True)
def clean() -> None:
    """The service of the other tests isn't needed here."""


@pytest.fixture
def name() -> Iterator[str]:
    """The name of a lab; afterwards neither the lab nor its snapshot is there."""
    name = f"snapshot-{os.getpid()}"
    yield name
    Lab.load(name).down()
    for path in places.snapshots().glob(f"{name}@*"):
        shutil.rmtree(path)


def test_a_restored_lab_is_what_it_was(name: str):
    lab = Lab.up(name)
    StandIn.up(lab).service.write("/etc/written", "before")
    # On a busy machine one could log in before the mail server listened.
    lab.host("strict").write("/etc/systemd/system/postfix@-.service.d/slow.conf", "[Service]\nExecStartPre=sleep 3\n")
    snapshots.take(lab, "key")
    # The lab goes on, and what happens from now on isn't in the snapshot.
    lab.host("infomaniak").write("/etc/written", "after")
    lab.host("infomaniak").run("rm /etc/hostname && apt-get purge -qq -y less")
    lab.down()

    restored = snapshots.restore(name, "key")
    stand_in = StandIn.up(restored)
    assert stand_in.service.run("cat /etc/written") == "before"
    assert stand_in.service.run("cat /etc/hostname; command -v less").split() == ["infomaniak", "/usr/bin/less"]
    message = compose("ana@strict.test", "ben@strict.test", "Hello")
    stand_in.post("ana@strict.test", "ben@strict.test", message)
    stand_in.wait_for_mail("ben@strict.test", 60, lambda mail: mail["Subject"] == "Hello")
