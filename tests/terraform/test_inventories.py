"""The example inventories, as Ansible reads them; no cloud is needed."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml
from workspace import CONFIGURATION

ROOT = CONFIGURATION.parent
IPV4, IPV6 = {"version": 4, "addr": "203.0.113.23"}, {"version": 6, "addr": "2001:db8::23"}


def read(*sources: Path) -> dict:
    """What Ansible makes of an inventory, in which no host is called as a group."""
    command = ["ansible-inventory", *(f"--inventory={source}" for source in sources), "--list"]
    environment = os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "same name" not in done.stderr
    return json.loads(done.stdout)


def seen_by_the_dynamic_inventory(directory: Path, *servers: dict) -> dict:
    """What `inventory.openstack.yml.example` says of servers, without the plugin that asks the cloud for them."""
    example = yaml.safe_load((ROOT / "inventory.openstack.yml.example").read_text())
    ours = {name: example[name] for name in ("keyed_groups", "compose")}
    (directory / "rules.yml").write_text(json.dumps({"plugin": "ansible.builtin.constructed", **ours}))
    hosts = {server["name"]: {"openstack": server} for server in servers}
    (directory / "servers.yml").write_text(json.dumps({"all": {"hosts": hosts}}))
    return read(directory / "servers.yml", directory / "rules.yml")


def server(name: str, group: str, *addresses: dict) -> dict:
    """A server as OpenStack describes it, as far as the inventory looks."""
    return {"name": name, "metadata": {"listkit_group": group}, "addresses": {"ext-net1": list(addresses)}}


@pytest.mark.parametrize(
    ("addresses", "chosen"),
    [([IPV6, IPV4], IPV4["addr"]), ([IPV4, IPV6], IPV4["addr"]), ([IPV6], IPV6["addr"])],
    ids=["IPv6 first", "IPv4 first", "IPv6 only"],
)  # fmt: skip
def test_dynamic_inventory_takes_ipv4_where_there_is_any(tmp_path, addresses, chosen):
    shown = seen_by_the_dynamic_inventory(tmp_path, server("mailman", "mailman", *addresses))
    assert shown["_meta"]["hostvars"]["mailman"]["ansible_host"] == chosen


def test_dynamic_inventory_groups_the_hosts(tmp_path):
    names = {"lists-2": "mailman", "lists-2-web": "mailman_web", "lists-2-database": "database"}
    shown = seen_by_the_dynamic_inventory(tmp_path, *(server(name, group, IPV4) for name, group in names.items()))
    assert {name: shown[group]["hosts"] for name, group in names.items()} == {name: [name] for name in names}


def test_inventory_for_a_host_of_ones_own():
    assert read(ROOT / "inventory.example")["ungrouped"]["hosts"] == ["mailman"]
