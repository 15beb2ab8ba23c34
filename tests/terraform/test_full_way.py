"""From `terraform apply` to a delivered post: the whole way of an operator's evening, once."""

import os
import re
import subprocess
import time
from pathlib import Path

import yaml

from infomaniak import StandIn, compose
from lab import keys
from lab.commands import wait_for

ROOT = Path(__file__).resolve().parents[2]
DOMAIN, FQDN = "cloud.test", "lists.cloud.test"
# In the environment, as the settings of the README read them.
PASSWORDS = {"MAIL_PASSWORD": "device-password-1", "MAILMAN_PASSWORD": "first-administrator-1"}


def settings(stand_in: StandIn) -> dict[str, object]:
    """What the README writes into group_vars/all.yml, for our domain and with people who get mail."""
    (text,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return yaml.safe_load(text.replace("example.org", DOMAIN)) | {
        "mailman_email": "site-owner@strict.test",
        "mailman_lists": [{"name": "members", "owners": ["ana@strict.test"]}],
        "mail_ca_file": str(stand_in.ca_file),
        "tls_mode": "selfsigned",
        # The public DNS doesn't have our domain, and tests ask nobody outside.
        "mail_dns_check": False,
    }


def console_host_keys(customer, server_id: str) -> list[str]:
    """The host keys that cloud-init printed on the console; none as long as it hasn't."""
    output = customer.compute.get_server_console_output(server_id)["output"]
    found = re.search(r"BEGIN SSH HOST KEY KEYS-----\s+(.*?)\s+-----END SSH HOST KEY KEYS", output, re.DOTALL)
    return [line.strip() for line in found[1].splitlines()] if found else []


def test_from_apply_to_a_delivered_post(lab, hypervisor, workspaces, customer, tmp_path):
    stand_in = StandIn.up(lab)
    mailbox = stand_in.add_mailbox(f"mailman@{DOMAIN}", PASSWORDS["MAIL_PASSWORD"])
    stand_in.add_list_aliases(mailbox, "members")

    workspace = workspaces("full", fqdn=FQDN)
    workspace.apply()
    address, server_id = workspace.output("ipv4"), workspace.identifier('openstack_compute_instance_v2.host["mailman"]')
    stand_in.add_host(FQDN, address)

    host_keys = wait_for(lambda: console_host_keys(customer, server_id), "host keys on the console", 120, every=1)
    ssh = login(tmp_path, address, host_keys)
    wait_for(lambda: remote(ssh, address, "cloud-init status --wait").returncode == 0, "cloud-init", 120, every=1)
    assert remote(ssh, address, "hostname --fqdn").stdout.strip() == FQDN
    for ip in (address, workspace.output("ipv6")):
        assert ip in remote(ssh, address, "ip -oneline address show dev eth0").stdout
    assert remote(ssh, address, "cat ~/.ssh/authorized_keys").stdout.count("ssh-ed25519") == 1

    inventory = tmp_path / "inventory"
    inventory.write_text(workspace.inventory())
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/all.yml").write_text(yaml.safe_dump(settings(stand_in)))
    deploy(inventory, ssh, tmp_path / "deploy.log")

    command = f"sudo runuser -u list -- mailman addmembers - members@{DOMAIN}"
    added = remote(ssh, address, command, stdin="ana@strict.test\nben@strict.test\n")
    assert added.returncode == 0, added.stderr
    subject = f"From the cloud {time.time()}"
    message = compose("ben@strict.test", f"members@{DOMAIN}", subject, "Hello.\n")
    stand_in.post("ben@strict.test", f"members@{DOMAIN}", message)
    copy = stand_in.wait_for_mail("ana@strict.test", 120, lambda mail: subject in mail["Subject"])
    assert copy["List-Id"].endswith(f"<members.{DOMAIN}>")

    workspace.destroy()


def login(directory: Path, address: str, host_keys: list[str]) -> list[str]:
    """What ssh needs to log in with the operator's key, and only if the host is the one whose console we read."""
    known_hosts = directory / "known_hosts"
    known_hosts.write_text("".join(f"{address} {key}\n" for key in host_keys))
    return [
        "-i", str(keys.ensure().login), "-o", "IdentitiesOnly=yes", "-o", f"UserKnownHostsFile={known_hosts}",
        "-o", "StrictHostKeyChecking=yes", "-o", "GlobalKnownHostsFile=/dev/null", "-o", "ConnectTimeout=5",
    ]  # fmt: skip


def remote(ssh: list[str], address: str, command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command as `debian`."""
    argv = ["ssh", *ssh, f"debian@{address}", command]
    return subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False, timeout=180)


def deploy(inventory: Path, ssh: list[str], log: Path) -> None:
    """Run the playbook that production runs."""
    with log.open("w") as output:
        done = subprocess.run(
            ["ansible-playbook", "-i", inventory, "playbook.yml", "--diff", f"--ssh-common-args={' '.join(ssh)}"],
            cwd=ROOT, env=os.environ | PASSWORDS | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    said = log.read_text()
    assert done.returncode == 0, said[-5000:]
    assert not [name for name, password in PASSWORDS.items() if password in said]
