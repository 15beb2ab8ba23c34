"""What goes wrong, and what one host doesn't have, on a real OpenStack control plane."""

import json
import subprocess

import pytest
from project import SERVER, leftovers, rules_of


@pytest.mark.parametrize(
    ("login", "settings", "named"),
    [
        ({"OS_PASSWORD": "wrong"}, {}, ["source the openrc file again"]),
        ({}, {"region": "dc9-z"}, ["variable region"]),
        ({}, {"flavor_name": "a1-ram2"}, ["set flavor_name", "openstack flavor list"]),
        ({}, {"network_name": "ext-net7"}, ["set network_name", "openstack network list"]),
        ({}, {"image_name": "Debian 7 wheezy"}, ["set image_name", "openstack image list"]),
    ],
    ids=["password", "region", "flavor", "network", "image"],
)  # fmt: skip
def test_error_names_what_to_fix_and_makes_nothing(workspaces, customer, login, settings, named):
    workspace = workspaces("wrong", **settings)
    workspace.environment = workspace.environment | login
    said = workspace.apply_fails()
    for words in named:
        assert words in said
    assert leftovers(customer, "wrong") == []


def test_quota_error_is_repaired_by_the_next_apply(workspaces, customer, operator):
    workspace = workspaces("quota")
    project = customer.current_project_id
    operator.set_compute_quotas(project, instances=0)
    try:
        said = workspace.apply_fails()
        assert "openstack quota show" in said
        assert "flavor_name" in said
        assert [server.name for server in customer.compute.servers()] == []
    finally:
        operator.delete_compute_quotas(project)
    workspace.apply()
    assert workspace.changes() == {}
    workspace.destroy()
    assert leftovers(customer, "quota") == []


def test_data_volume_outlives_the_server(workspaces, customer):
    workspace = workspaces("volume", data_volume_size=1, protect=False)
    workspace.apply()
    volume = "openstack_blockstorage_volume_v3.data[0]"
    kept, first = workspace.identifier(volume), workspace.identifier(SERVER)
    assert workspace.changes() == {}
    workspace.apply(f"-replace={SERVER}")
    second = workspace.identifier(SERVER)
    assert second != first
    assert workspace.identifier(volume) == kept
    (attachment,) = customer.block_storage.get_volume(kept).attachments
    assert attachment["server_id"] == second
    workspace.destroy()
    assert leftovers(customer, "volume") == []


def test_a_protected_volume_is_not_destroyed(workspaces, customer):
    workspace = workspaces("precious", data_volume_size=1)
    workspace.apply()
    kept = workspace.identifier("openstack_blockstorage_volume_v3.data[0]")
    assert "-var protect=false" in workspace.apply_fails("-var=data_volume_size=0")
    assert customer.block_storage.get_volume(kept).status == "in-use"
    workspace.apply("-var=data_volume_size=2")
    assert customer.block_storage.get_volume(kept).size == 2
    workspace.settings["data_volume_size"] = 2
    workspace.destroy()
    assert leftovers(customer, "precious") == []


def test_several_hosts(workspaces, customer, tmp_path):
    workspace = workspaces("many", hosts={"mailman_web": {}, "database": {}})
    workspace.apply()
    assert workspace.changes() == {}
    assert {server.name for server in customer.compute.servers()} == {"many", "many-web", "many-database"}
    closed = rules_of(customer, workspace.identifier('openstack_networking_secgroup_v2.host["database"]'))
    assert {rule[3] for rule in closed if rule[2] == "tcp"} == {22}
    path = tmp_path / "inventory"
    path.write_text(workspace.inventory())
    done = subprocess.run(["ansible-inventory", "-i", path, "--list"], capture_output=True, text=True, check=True)
    assert "same name" not in done.stderr
    shown = json.loads(done.stdout)
    assert {group: shown[group]["hosts"] for group in ("mailman", "mailman_web", "database")} == {
        "mailman": ["mail1"], "mailman_web": ["web1"], "database": ["db1"],
    }  # fmt: skip
    workspace.destroy()
    assert leftovers(customer, "many") == []
