"""Run small playbooks against this machine, as an operator would run the kit's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from ansible_run import Run, ansible_playbook


class Playbooks:
    """A directory with a role called `demo`, and a way to run it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.role = folder / "roles" / "demo"
        self.target = folder / "target"
        (self.role / "tasks").mkdir(parents=True)
        self.target.mkdir()

    def template(self, path: str, text: str) -> None:
        """Write a template of the role."""
        file = self.role / "templates" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def run(
        self, tasks: list[dict], *arguments: str, variables: dict | None = None, environment: dict | None = None
    ) -> Run:
        """Run `tasks` as the role's; `variables` are in the inventory."""
        (self.role / "tasks" / "main.yml").write_text(yaml.safe_dump(tasks))
        (self.folder / "play.yml").write_text(
            yaml.safe_dump([{"hosts": "mailman", "gather_facts": False, "roles": ["demo"]}])
        )
        inventory = {"all": {"hosts": {"mailman": {"ansible_connection": "local"}}, "vars": variables or {}}}
        (self.folder / "inventory.yml").write_text(yaml.safe_dump(inventory))
        return ansible_playbook(self.folder, "-i", "inventory.yml", "play.yml", *arguments, environment=environment)


@pytest.fixture
def playbooks(tmp_path: Path) -> Playbooks:
    """An empty role and a target directory of its own."""
    return Playbooks(tmp_path)


class FakeModule:
    """The part of AnsibleModule that converge functions use."""

    def __init__(self, tmp_path: Path, check_mode: bool = False, **params):
        self.check_mode, self.params = check_mode, params
        self.tmpdir = str(tmp_path)
        self.commands: list[list[str]] = []

    def run_command(self, argv: list[str]) -> tuple[int, str, str]:
        """Run a command as AnsibleModule does."""
        self.commands.append(argv)
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def fake_module(tmp_path: Path):
    """A way to make fake modules: `fake_module(check_mode=…, option=…)`."""
    scratch = tmp_path.parent / f"{tmp_path.name}-scratch"
    scratch.mkdir()
    return lambda **options: FakeModule(scratch, **options)
