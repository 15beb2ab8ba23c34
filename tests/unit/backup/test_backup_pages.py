"""The commands of the pages are commands."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest

from listkit.backup import cli
from listkit.backup.repository import Repository

RUNBOOKS = Path(__file__).resolve().parents[3] / "docs/runbooks"
PAGES = {name: (RUNBOOKS / name).read_text() for name in ("backup.md", "restore.md", "restore-list.md")}
FOUND = re.findall(r"listkit backup ([^`\n#]+)", "".join(PAGES.values()))
COMMANDS = sorted({command.strip() for command in FOUND})


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_pages_is_known(command: str):
    assert cli._parser().parse_args(command.split()).run


def test_old_backups_are_removed_from_another_machine(repository: Repository, tmp_path: Path):
    [command] = re.findall(r"^    (restic -r .+ forget .+)$", PAGES["backup.md"], re.MULTILINE)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/post").write_text("Hello")
    repository.create()
    for days in (200, 80, 1):
        repository.store(tmp_path / "data", "lists.example.org", time.time() - days * 86_400)
    _restic, _option, _place, *words = command.split()
    environment = repository._environment()
    subprocess.run(["restic", *words], env=environment, check=True, capture_output=True, timeout=60)
    assert len(repository.snapshots()) == 2
