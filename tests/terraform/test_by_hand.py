"""The guide's other way: the commands of docs/setup/instance.md, typed against the cloud, make what Terraform makes."""

import os
import re
import subprocess

from project import EXPECTED_RULES, leftovers, rules_of
from workspace import CONFIGURATION

PAGE = CONFIGURATION.parent / "docs/setup/instance.md"


def test_commands_of_the_page(cloud, customer, public_key, tmp_path):
    key = tmp_path / "id_ed25519.pub"
    key.write_text(public_key)
    (script,) = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    script = script.replace("name=mailman\n", "name=by-hand\n").replace("~/.ssh/id_ed25519.pub", str(key))
    done = subprocess.run(
        ["bash", "-euo", "pipefail"], input=script, env=os.environ | cloud.openrc(),
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        server = customer.compute.find_server("by-hand", details=True)
        assert server.status == "ACTIVE"
        assert {address["version"] for address in server.addresses["ext-net1"]} == {4, 6}
        assert server.metadata == {"listkit": "by-hand", "listkit_group": "mailman"}
        group = customer.network.find_security_group("by-hand")
        assert rules_of(customer, group.id) == EXPECTED_RULES
    finally:
        clean(customer, "by-hand")
    assert leftovers(customer, "by-hand") == []


def clean(customer, name: str) -> None:
    """Remove what the commands made."""
    if server := customer.compute.find_server(name):
        customer.compute.delete_server(server)
        customer.compute.wait_for_delete(server, wait=60)
    if port := customer.network.find_port(name):
        customer.network.delete_port(port)
    if group := customer.network.find_security_group(name):
        customer.network.delete_security_group(group)
    customer.compute.delete_keypair(name)
