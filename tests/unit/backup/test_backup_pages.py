"""The commands of the pages are commands."""

from __future__ import annotations

import itertools
import re
import shlex
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from backup_repositories import PASSWORD, repository_at

from listkit.backup import cli
from listkit.backup.repository import Repository

RUNBOOKS = Path(__file__).resolve().parents[3] / "docs/runbooks"
ROOT = RUNBOOKS.parents[1]
NAMES = ("backup.md", "restore.md", "restore-list.md", "lost-host.md")
PAGES = {name: (RUNBOOKS / name).read_text() for name in NAMES}
PLAYS = sorted(set(re.findall(r"ansible-playbook ([^`\n]+)", "".join(PAGES.values()))))
DISK = (RUNBOOKS / "disk.md").read_text()
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
    run(command, repository, tmp_path)
    assert len(repository.snapshots()) == 2


def run(command: str, repository: Repository, directory: Path, **environment: str) -> None:
    """Run a command of restic's on this repository, in this directory."""
    _restic, _option, _place, *words = shlex.split(command)
    subprocess.run(
        ["restic", *words], env=repository._environment() | environment, cwd=directory, check=True,
        capture_output=True, timeout=60,
    )  # fmt: skip


def test_the_settings_of_a_lost_inventory_are_in_the_backup(repository: Repository, tmp_path: Path):
    section = PAGES["restore.md"].partition("## Without the inventory")[2].partition("\n## ")[0]
    staging = tmp_path / "staging"
    files = dict.fromkeys(re.findall(r"`(listkit/[\w/.]+)`", section))
    for file in files:
        (staging / "files/etc" / file).parent.mkdir(parents=True, exist_ok=True)
        (staging / "files/etc" / file).write_text("as it was")
    repository.create()
    repository.store(staging, "lists.example.org", time.time())
    for command in re.findall(r"^    (restic .+)$", section, re.MULTILINE):
        run(command, repository, tmp_path)
    lost = tmp_path / "lost" / staging.relative_to("/")
    assert all((lost / "files/etc" / file).read_text() == "as it was" for file in files)
    # They are what the roles write there.
    for key, file in re.findall(r"`(\w+)` in `(listkit/[\w.]+)`", section):
        [template] = ROOT.glob(f"roles/*/templates/etc/{file}.j2")
        assert f"'{key}': " in template.read_text(), (key, file)


def test_old_backups_can_be_copied_to_a_new_storage_and_its_password_changed(tmp_path: Path):
    section = PAGES["backup.md"].partition("## Change the storage")[2].partition("\n## ")[0]
    old, new = (repository_at(str(tmp_path / name), tmp_path / f"{name}-secrets") for name in ("old", "new"))
    (tmp_path / "data").write_text("Hello")
    old.create()
    stored = old.store(tmp_path / "data", "lists.example.org", time.time())
    commands = [command for command in re.findall(r"restic [^`\n]+", section) if " -r " in command]
    assert [command.split()[3] for command in commands] == ["init", "copy", "key"]
    for command in commands:
        here = command.replace("/srv/old", str(tmp_path / "old"))
        if here.endswith(" key passwd"):
            (tmp_path / "password").write_text("another\n")
            here += f" --new-password-file {tmp_path / 'password'}"
        run(here, new, tmp_path, RESTIC_FROM_PASSWORD=PASSWORD)
    (tmp_path / "new-secrets/backup_password").write_text("another\n")
    [copied] = new.snapshots()
    assert (copied.host, stored.total_bytes) == ("lists.example.org", 5)


@pytest.mark.parametrize("command", PLAYS)
def test_a_play_of_the_pages_knows_its_variables(command: str):
    name, *words = shlex.split(command.partition("#")[0])
    play = ROOT / name
    given = dict(word.split("=", 1) for option, word in itertools.pairwise(words) if option == "-e")
    known = {variable for entry in yaml.safe_load(play.read_text()) for variable in entry.get("vars", {})}
    assert set(given) <= known | options_of("backup")
    # The text that `-e` makes of a switch is refused for a role's own variable.
    assert {name for name, value in given.items() if value == "true"} <= known | options_of("site")


def options_of(role: str) -> set[str]:
    """The variables of a role."""
    specs = yaml.safe_load((ROOT / f"roles/{role}/meta/argument_specs.yml").read_text())["argument_specs"]
    return {name for entry in specs.values() for name in entry["options"]}


def test_the_page_about_the_disk_names_what_terraform_knows():
    variables = (ROOT / "terraform/variables.tf").read_text()
    for name in ("data_volume_size", "flavor_name"):
        assert f"`{name}`" in DISK and f'variable "{name}"' in variables


def test_the_disks_of_that_page_can_be_looked_at(tmp_path: Path):
    [first, second] = re.findall(r"^    (df .+)$", DISK, re.MULTILINE)
    [du] = re.findall(r"^    sudo (du .+)$", DISK, re.MULTILINE)
    (tmp_path / "lib").mkdir()
    assert first == second
    for command in (re.sub(r" /\S*", " /", first), du.replace("/var", str(tmp_path))):
        assert subprocess.run(command, shell=True, check=True, capture_output=True).stdout  # noqa: S602 -- the page's
