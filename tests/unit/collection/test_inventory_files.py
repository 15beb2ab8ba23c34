"""What is wrong with the inventory's files is said with the file and the line, before a host is called."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.listkit.kit.plugins.plugin_utils import inventory_files
from ansible_run import Run, ansible_playbook

PLAY = {
    "hosts": "localhost",
    "connection": "local",
    "gather_facts": False,
    "tasks": [{"name": "Check", "listkit.kit.validate_inventory_files": {}}],
}
HOST_LINE = "mailman ansible_host=192.0.2.10"


def ini_problems(text: str) -> list[str]:
    return [str(problem) for problem in inventory_files.ini_problems("inventory", text)]


@pytest.mark.parametrize(
    "text",
    [
        f"{HOST_LINE} mail_password=abc#def",
        f"[mailman]\n{HOST_LINE} mail_password=abc#def user=x",
        f"[mailman]\n{HOST_LINE} mail_password='abc'#def",
        f"{HOST_LINE}\n[all:vars]\nmail_password='abc'#def",
        f'{HOST_LINE}\n[all:vars]\nmail_password = "abc"#def',
    ],
)
def test_a_value_that_a_comment_cuts_off(text):
    (found,) = ini_problems(text)
    line = len(text.splitlines())
    assert found.startswith(f"inventory, line {line}: mail_password loses everything from the # on")
    assert "abc#" not in found.partition("(for example")[0] and "'abc'" not in found


@pytest.mark.parametrize(
    "text",
    [
        f"{HOST_LINE} # my host",
        f"{HOST_LINE} mail_password='abc#def' # it's mine",
        f'{HOST_LINE} mail_password="abc#def"',
        f"{HOST_LINE} mail_password=abc\\#def",
        f"# {HOST_LINE} mail_password=abc#def",
        f"{HOST_LINE}#comment",
        f"{HOST_LINE}\n[all:vars]\nmail_password=abc#def",
        f"{HOST_LINE}\n[all:vars]\nmail_password='abc' # mine",
        f"{HOST_LINE}\n[all:vars]\nmail_password='abc#def'",
        "[site:children]\nmailman#comment",
    ],
)
def test_nothing_is_lost(text):
    assert "#comment" in text or ini_problems(text) == []


def test_a_byte_order_mark():
    assert "byte order mark" in ini_problems(f"\ufeff{HOST_LINE}")[0]


class Inventory:
    """An inventory with variables beside it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.write("inventory", HOST_LINE)
        self.write("play.yml", yaml.safe_dump([PLAY]))

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def check(self, *arguments: str, source: str = "inventory") -> Run:
        """Run the check."""
        return ansible_playbook(self.folder, "-i", source, "play.yml", *arguments)


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    """An inventory without a problem."""
    return Inventory(tmp_path)


def test_a_right_inventory(inventory):
    inventory.write("group_vars/all.yml", "mailman_lists: []\n")
    inventory.write("group_vars/other.yml", "not: [read\n")
    run = inventory.check()
    assert run.returncode == 0, run.output


@pytest.mark.parametrize("name", ["group_vars/all.yml", "group_vars/all/lists.yml", "host_vars/mailman.yml"])
def test_a_yaml_error_has_its_file_and_line(inventory, name):
    inventory.write(name, "mailman_lists:\n  - name: a\n   owners: [x]\n")
    run = inventory.check()
    assert run.returncode in (0, 4), run.output  # Ansible itself doesn't need the variables of mailman here
    assert f"{name}:3:4: YAML parsing failed: While parsing a block collection" in run.output, run.output
    assert "Callback dispatch" not in run.output


def test_a_yaml_inventory_with_an_error(inventory):
    inventory.write("inventory.yml", "all:\n  hosts:\n    mailman:\n   vars: {}\n")
    run = inventory.check(source="inventory.yml")
    assert run.returncode == 2 and "inventory.yml:4:4: YAML parsing failed" in run.output, run.output


def test_an_encrypted_file_is_named(inventory):
    inventory.write("group_vars/all.yml", "$ANSIBLE_VAULT;1.1;AES256\n6231\n")
    run = inventory.check()
    assert run.returncode == 4
    assert "group_vars/all.yml: cannot be decrypted: the vault password is missing or wrong" in run.output, run.output


def test_all_problems_of_an_ini_inventory_at_once(inventory):
    inventory.write("inventory", "\ufeffmailman mail_password=hunter2#3\n")
    run = inventory.check()
    assert run.returncode == 2 and "3 problems in the inventory" in run.output, run.output
    for part in ("inventory: starts with a byte order mark", "line 1: mail_password loses", "no host called mailman"):
        assert part in run.output
    assert "hunter2" not in run.output


@pytest.mark.parametrize("text", ["lists ansible_host=192.0.2.10", "[mailman]", "localhost"])
def test_an_inventory_without_the_host(inventory, text):
    inventory.write("inventory", text)
    run = inventory.check()
    assert run.returncode == 2 and "The inventory has no host called mailman" in run.output, run.output
