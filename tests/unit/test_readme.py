"""What the README shows works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# As Terraform writes it.
INVENTORY = "mailman ansible_host=203.0.113.23 ansible_user=debian\n\n[all:vars]\nfqdn=lists.example.org\n"
CHECK = "- hosts: mailman\n  gather_facts: false\n  tasks: [{listkit.kit.validate_inventory: {}}]\n"


def test_the_settings_are_right_and_whole(tmp_path):
    (settings,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    for name, text in {"inventory": INVENTORY, "group_vars/all.yml": settings, "check.yml": CHECK}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    passwords = {"MAIL_PASSWORD": "device-password-1", "MAILMAN_PASSWORD": "first-administrator-1"}
    done = subprocess.run(
        ["ansible-playbook", "-i", "inventory", "check.yml"],
        cwd=tmp_path, env=os.environ | passwords | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
