"""The collections that can be published, built and used by a playbook that has nothing of the kit around it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from mailman_double import PASSWORD, MailmanDouble

from tools import sanity

COLLECTION_NAMES = ["mailman3"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A collections path with every publishable collection, installed from its tarball."""
    folder = tmp_path_factory.mktemp("installed")
    for collection in sanity.publishable():
        sanity.install(collection, folder)
    return folder


class Stranger:
    """Somebody else's project: a home, a playbook and a collections path of its own."""

    def __init__(self, folder: Path, collections: Path):
        self.folder, self.collections = folder, collections

    def run(self, *command: str) -> str:
        """Run one of Ansible's programs, which must succeed, and return its output."""
        done = subprocess.run(
            [str(sanity.PROGRAMS / command[0]), *command[1:]],
            cwd=self.folder,
            env={
                "HOME": str(self.folder),
                "PATH": f"{sanity.PROGRAMS}:/usr/bin:/bin",
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def play(self, *tasks: dict) -> str:
        """Run a play of `tasks` on this machine."""
        (self.folder / "play.yml").write_text(
            yaml.safe_dump([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": list(tasks)}])
        )
        return self.run("ansible-playbook", "-i", "localhost,", "play.yml")


@pytest.fixture
def stranger(tmp_path, installed) -> Stranger:
    """A project in a directory of its own."""
    return Stranger(tmp_path, installed)


def test_all_that_should_be_publishable_are():
    assert [path.name for path in sanity.publishable()] == COLLECTION_NAMES


@pytest.mark.parametrize("name", COLLECTION_NAMES)
def test_what_is_built_has_everything_and_nothing_left_over(installed, name):
    collection = installed / "ansible_collections" / "listkit" / name
    files = {str(path.relative_to(collection)) for path in collection.rglob("*") if path.is_file()}
    assert {"README.md", "CHANGELOG.md", "meta/runtime.yml"} <= files
    assert not [file for file in files if file.endswith(".pyc") or file.startswith("tests/output")]


@pytest.mark.parametrize("name", COLLECTION_NAMES)
def test_every_module_has_its_page(stranger, name):
    modules = stranger.collections / "ansible_collections" / "listkit" / name / "plugins" / "modules"
    names = sorted(f"listkit.{name}.{file.stem}" for file in modules.glob("*.py"))
    page = stranger.run("ansible-doc", *names)
    assert names and all(f"MODULE {module}" in page for module in names)


def test_a_foreign_playbook_makes_a_list(stranger):
    (stranger.folder / "password").write_text(PASSWORD)
    mailman = MailmanDouble()
    connection = {"api_url": mailman.url, "api_password_file": str(stranger.folder / "password")}
    try:
        output = stranger.play(
            {"listkit.mailman3.domain": {"name": "example.org", **connection}},
            {"listkit.mailman3.mailing_list": {"name": "news@example.org", "description": "News", **connection}},
            {"ansible.builtin.debug": {"msg": "{{ [] | listkit.mailman3.sub_addresses | join(' ') }}"}},
        )
    finally:
        mailman.close()
    assert list(mailman.lists) == ["news@example.org"]
    assert "changed=2" in output and "bounces confirm join" in output
