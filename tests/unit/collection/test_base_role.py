"""The role `base` has apt install updates every day, and reboot only in the window that the operator names."""

from __future__ import annotations

import os
import subprocess

import pytest
from ansible_run import KIT

SETTINGS = KIT / "roles/base/templates/etc/apt/apt.conf.d/52listkit.j2"
UNIT = KIT / "roles/base/templates/etc/systemd/system/apt-daily-upgrade.service.d/listkit.conf.j2"


@pytest.mark.parametrize(
    ("upgrades", "time", "expected"),
    [
        (
            True,
            "04:30",
            {"Periodic::Unattended-Upgrade": "1", "Automatic-Reboot": "true", "Automatic-Reboot-Time": "04:30"},
        ),
        (False, "", {"Periodic::Unattended-Upgrade": "0", "Automatic-Reboot": "false"}),
    ],
    ids=["with a window", "by hand"],
)
def test_apt_reads_when_it_may_update_and_reboot(playbooks, upgrades: bool, time: str, expected: dict[str, str]):
    tasks = [
        {"ansible.builtin.template": {"src": str(source), "dest": str(playbooks.folder / source.stem)}}
        for source in (SETTINGS, UNIT)
    ]
    run = playbooks.run(tasks, variables={"base_unattended_upgrades": upgrades, "base_automatic_reboot_time": time})
    assert run.returncode == 0, run.output
    environment = {**os.environ, "APT_CONFIG": str(playbooks.folder / SETTINGS.stem)}
    dump = subprocess.run(["apt-config", "dump"], env=environment, capture_output=True, text=True, check=True).stdout
    for name, value in expected.items():
        group = "APT" if name.startswith("Periodic") else "Unattended-Upgrade"
        assert f'{group}::{name} "{value}";' in dump
    assert ("ExecStartPost=/usr/local/bin/listkit restart" in (playbooks.folder / UNIT.stem).read_text()) == upgrades
