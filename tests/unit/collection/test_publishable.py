"""The collections that can be published, built and used by a playbook that has nothing of the kit around it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from mailman_double import PASSWORD, MailmanDouble

from infomaniak_api import StandInApi
from infomaniak_api.account import Account, Hosting, Mailbox, Zone
from infomaniak_api.server import TOKEN
from tools import sanity

COLLECTION_NAMES = ["infomaniak", "mailman3"]


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

    def run(self, *command: str, **environment: str) -> str:
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
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def play(self, *tasks: dict, **environment: str) -> str:
        """Run a play of `tasks` on this machine."""
        (self.folder / "play.yml").write_text(
            yaml.safe_dump([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": list(tasks)}])
        )
        return self.run("ansible-playbook", "-vvv", "-D", "-i", "localhost,", "play.yml", **environment)


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


def test_a_foreign_playbook_makes_a_list_with_members(stranger):
    (stranger.folder / "password").write_text(PASSWORD)
    mailman = MailmanDouble()
    people = {"state": "exact", "content": "address;name\nana@example.org;Ana Lopez\n"}
    connection = {"api_url": mailman.url, "api_password_file": str(stranger.folder / "password")}
    try:
        output = stranger.play(
            {"listkit.mailman3.domain": {"name": "example.org", **connection}},
            {"listkit.mailman3.mailing_list": {"name": "news@example.org", "description": "News", **connection}},
            {"listkit.mailman3.members": {"list": "news@example.org", "members": people, **connection}},
            {"listkit.mailman3.members_info": {"list": "news@example.org", **connection}, "register": "found"},
            {"ansible.builtin.debug": {"var": "found.rosters.members"}},
            {"ansible.builtin.debug": {"msg": "{{ [] | listkit.mailman3.sub_addresses | join(' ') }}"}},
        )
    finally:
        mailman.close()
    assert list(mailman.lists) == ["news@example.org"]
    assert '+        "ana@example.org, Ana Lopez"' in output and '"delivery_status": "enabled"' in output
    assert "changed=3" in output and "bounces confirm join" in output


def test_a_foreign_playbook_manages_a_mailbox_and_a_zone_and_shows_no_secret(stranger):
    hosting = Hosting(7, "example.org", mailboxes={"mailman": Mailbox("mailman", move_spam=True)})
    mailbox = {"mail_hosting": 7, "mailbox": "mailman"}
    redirection = {"name": "all", "targets": ["ana@example.net"]}
    record = {"source": "lists", "type": "A", "target": "192.0.2.1"}
    password = stranger.folder / "mail_password"
    with StandInApi(Account({7: hosting}, {"example.org": Zone("example.org")})) as api:
        output = stranger.play(
            {"listkit.infomaniak.mail_alias": {**mailbox, "aliases": ["news", "news-owner"]}},
            {
                "listkit.infomaniak.mail_redirection": {
                    "mail_hosting": 7,
                    "redirections": [redirection],
                }
            },
            {"listkit.infomaniak.mailbox_settings": {**mailbox, "move_spam": False}},
            {"listkit.infomaniak.device_password": {**mailbox, "label": "server", "dest": str(password)}},
            {"listkit.infomaniak.dns_record": {"zone": "example.org", "records": [record]}},
            INFOMANIAK_TOKEN=TOKEN,
            INFOMANIAK_HOST=api.url,
        )
    assert hosting.mailboxes["mailman"].aliases == ["news", "news-owner"]
    assert "changed=5" in output and "+news-owner\n" in output
    assert TOKEN not in output and password.read_text().strip() not in output
