"""One host's life on a real OpenStack control plane, in order: the tests share it."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from project import EXPECTED_RULES, SERVER, leftovers, rules_of
from workspace import Workspace

GROUP = 'openstack_networking_secgroup_v2.host["mailman"]'
ROOT = Path(__file__).resolve().parents[2]
SNAPSHOT_TASKS = (
    "Look for the server in the cloud",
    "Require the server",
    "Remove the snapshot of an earlier attempt",
    "Make a snapshot of the server",
    "Put the server back to its snapshot",
)


@pytest.fixture(scope="module")
def host(workspaces, customer) -> Iterator[Workspace]:
    workspace = workspaces("mailman")
    workspace.apply()
    yield workspace
    workspace.destroy()
    assert leftovers(customer, "mailman") == []


@pytest.fixture(scope="module")
def server_id(host) -> str:
    return host.identifier(SERVER)


def test_server_is_active_on_both_protocols(host, server_id, customer):
    server = customer.compute.get_server(server_id)
    assert (server.status, server.name, server.key_name) == ("ACTIVE", "mailman", "mailman")
    addresses = {address["version"]: address["addr"] for address in server.addresses["ext-net1"]}
    assert addresses == {4: host.output("ipv4"), 6: host.output("ipv6")}
    assert customer.compute.find_flavor(server.flavor.name).name == "a1-ram2-disk20-perf1"
    assert customer.image.get_image(server.image.id).name == "Debian 13 trixie"


def test_firewall_lets_in_exactly_this(host, server_id, customer):
    assert rules_of(customer, host.identifier(GROUP)) == EXPECTED_RULES
    (port,) = customer.network.ports(device_id=server_id)
    assert port.security_group_ids == [host.identifier(GROUP)]


def test_second_plan_is_empty(host):
    assert host.changes() == {}
    assert host.run("plan", "-detailed-exitcode", "-input=false").returncode == 0


def test_outputs(host):
    ipv4, ipv6 = host.output("ipv4"), host.output("ipv6")
    assert host.output("dns_records") == [
        {"name": "lists.example.org", "type": "A", "value": ipv4},
        {"name": "lists.example.org", "type": "AAAA", "value": ipv6},
    ]
    assert host.output("ssh_command") == f"ssh debian@{ipv4}"


def test_inventory_is_one(host, tmp_path):
    path = tmp_path / "inventory"
    path.write_text(host.inventory())
    done = subprocess.run(["ansible-inventory", "-i", path, "--list"], capture_output=True, text=True, check=True)
    assert "same name" not in done.stderr
    shown = json.loads(done.stdout)
    assert shown["_meta"]["hostvars"]["mailman"] == {
        "ansible_host": host.output("ipv4"), "ansible_user": "debian", "fqdn": "lists.example.org",
    }  # fmt: skip


@pytest.mark.slow
def test_a_host_beside_it_leaves_it_alone(host, server_id, customer):
    """The commands of docs/setup/instance.md#a-second-host-beside-the-first."""
    beside = ("-var", "name=mailman-next")
    assert host.run("workspace", "new", "next").returncode == 0
    try:
        host.apply(*beside)
        assert host.identifier(SERVER) != server_id
        assert {server.name for server in customer.compute.servers()} >= {"mailman", "mailman-next"}
        host.apply(*beside, "-var", "protect=false")
        destroyed = host.run("destroy", "-auto-approve", "-input=false", "-no-color", *beside, "-var", "protect=false")
        assert destroyed.returncode == 0, destroyed.stderr
        assert leftovers(customer, "mailman-next") == []
    finally:
        host.run("workspace", "select", "default")
    assert host.run("workspace", "delete", "next").returncode == 0
    assert host.changes() == {}


def test_dynamic_inventory_finds_the_host(host, cloud, tmp_path):
    path = tmp_path / "inventory.openstack.yml"
    path.write_text((ROOT / "inventory.openstack.yml.example").read_text())
    environment = host.tool_environment() | {"OS_CLIENT_CONFIG_FILE": "/dev/null"}
    done = subprocess.run(
        ["ansible-inventory", "-i", path, "--list"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "same name" not in done.stderr
    shown = json.loads(done.stdout)
    variables = shown["_meta"]["hostvars"]["mailman"]
    assert _plain(variables["ansible_host"]) == host.output("ipv4")
    assert _plain(variables["ansible_user"]) == "debian"


def _plain(value: str | dict[str, str]) -> str:
    """A value without the mark of what comes from outside, which Ansible shows and never templates."""
    return value["__ansible_unsafe"] if isinstance(value, dict) else value


def test_state_has_no_private_key(host):
    assert "PRIVATE KEY" not in (host.directory / "terraform.tfstate").read_text()


def test_another_network_for_ssh_changes_rules_only(host, server_id, customer):
    host.settings["ssh_allowed_cidrs"] = ["203.0.113.8/32", "2001:db8:7::/64"]
    changes = host.changes()
    assert set(changes) == {
        f'openstack_networking_secgroup_rule_v2.host["mailman: ssh from 203.0.113.{last}/32"]' for last in (7, 8)
    }
    host.apply()
    assert host.identifier(SERVER) == server_id
    expected = {
        tuple("203.0.113.8/32" if part == "203.0.113.7/32" else part for part in rule) for rule in EXPECTED_RULES
    }
    assert rules_of(customer, host.identifier(GROUP)) == expected


def test_newer_image_replaces_nothing(host, operator):
    newer = operator.image.create_image(
        name="Debian 13 trixie", data=b"newer", disk_format="raw", container_format="bare", visibility="public",
        validate_checksum=False,
    )  # fmt: skip
    try:
        assert host.changes() == {}
    finally:
        operator.image.delete_image(newer.id)


def test_edited_cloud_init_replaces_nothing(host):
    template = host.directory / "user_data.yaml.tftpl"
    original = template.read_text()
    template.write_text(original + "package_update: true\n")
    try:
        assert host.changes() == {}
    finally:
        template.write_text(original)


def test_another_key_replaces_the_key_pair_only(host):
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleExa"
    assert host.changes(f"-var=ssh_public_key={key}") == {"openstack_compute_keypair_v2.operator": ["delete", "create"]}


@pytest.mark.slow
def test_upgrade_goes_back_to_a_snapshot_and_terraform_replaces_nothing(host, server_id, customer, tmp_path):
    name = "mailman-before-upgrade"
    old = customer.image.create_image(name=name, data=b"old", disk_format="raw", container_format="bare")
    before = customer.compute.get_server(server_id)
    (tmp_path / "play.yml").write_text(yaml.safe_dump([snapshot_play()], sort_keys=False))
    try:
        done = subprocess.run(
            ["ansible-playbook", "-i", "localhost,", "play.yml", "-e", "upgrade_server=mailman"],
            cwd=tmp_path, env=host.tool_environment(), capture_output=True, text=True, check=False, timeout=180,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        (snapshot,) = customer.image.images(name=name)
        assert snapshot.id != old.id and snapshot.status == "active"
        server = customer.compute.get_server(server_id)
        assert (server.status, server.image.id) == ("ACTIVE", snapshot.id)
        assert server.addresses == before.addresses
        assert host.changes() == {}
    finally:
        for image in customer.image.images(name=name):
            customer.image.delete_image(image)


def snapshot_play() -> dict:
    """Return a play with the tasks of the upgrade that make a snapshot of the server and put the server back to it."""
    play = yaml.safe_load((ROOT / "playbooks/upgrade.yml").read_text())[0]
    tasks = {task["name"]: task for task in flat(play["tasks"])}
    return {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": play["vars"],
        "tasks": [tasks[name] for name in SNAPSHOT_TASKS],
    }


def flat(tasks: list[dict]) -> Iterator[dict]:
    """Yield tasks and those in their blocks."""
    for task in tasks:
        yield from flat(task["block"]) if "block" in task else [task]


def test_destroying_is_refused_and_says_how(host, server_id, customer):
    assert "-var protect=false" in host.destroy_fails()
    assert customer.compute.get_server(server_id).status == "ACTIVE"
    assert host.changes() == {}


def test_replacing_is_refused_and_says_how(host, server_id, customer):
    assert "-var protect=false" in host.apply_fails(f"-replace={SERVER}")
    assert customer.compute.get_server(server_id).status == "ACTIVE"
    assert host.changes() == {}
