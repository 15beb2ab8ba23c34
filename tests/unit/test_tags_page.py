"""The page of tags has the playbook's tags, all of them and no others."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_has_the_playbooks_tags():
    listing = subprocess.run(
        ["ansible-playbook", "-i", "localhost,", "playbook.yml", "--list-tags"],
        cwd=ROOT, env=os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    tags = {tag for line in re.findall(r"TASK TAGS: \[(.*)\]", listing) for tag in line.split(", ") if tag}
    table = (ROOT / "docs/reference/tags.md").read_text().partition("## All tags")[2]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == sorted(tags)
