"""`ansible-core` alone deploys: the plays use its modules and ours, so that the host can be its own controller."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULE = re.compile(r"^\s*(?:- )?([a-z_]\w*\.[a-z_]\w*)\.\w+:", re.MULTILINE)
PLAYS = sorted([*ROOT.glob("playbooks/*.yml"), *ROOT.glob("roles/*/tasks/*.yml")])


def test_no_other_collection_is_needed():
    used = {name for play in PLAYS for name in MODULE.findall(play.read_text())}
    assert used <= {"ansible.builtin", "listkit.host", "listkit.infomaniak", "listkit.kit", "listkit.mailman3"}
    assert "ansible.builtin" in used
