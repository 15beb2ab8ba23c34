"""Backups on a real SFTP server, with the kit's key and a host key that was given to it."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployment import Deployment, Site
from e2e import playbook

pytestmark = [pytest.mark.lab, pytest.mark.same_site]
SSHD = "/etc/ssh/sshd_config.d/storage.conf"
ONLY_FILES = "Match User storage\nChrootDirectory /srv/storage\nForceCommand internal-sftp\n"
SERVER = """
useradd --create-home --shell /usr/sbin/nologin storage
install -d -m 0755 /srv/storage && install -d -o storage -m 0700 /srv/storage/backups
install -d -o storage -m 0700 ~storage/.ssh
systemctl reload ssh
"""
NO_SERVER = f"""
rm -f {SSHD} && systemctl reload ssh
userdel --remove storage; rm -rf /srv/storage
"""
CONFIGURATION = "/root/listkit.tar"
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"
OTHER_KEY = "AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
KNOWN = "/etc/listkit/secrets/backup_ssh_hosts"


@pytest.fixture
def site(deployment: Deployment, release: str) -> Iterator[Site]:
    """The site, whose backups go where they went before in the end."""
    found = deployment.sites[release]
    found.host.run(f"tar -cf {CONFIGURATION} -C /etc listkit")
    yield found
    found.host.run(f"rm -r /etc/listkit && tar -xf {CONFIGURATION} -C /etc && rm {CONFIGURATION}")


@pytest.fixture
def storage(deployment: Deployment, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The variables of an account on an SFTP server that can do nothing but store files."""
    server = deployment.stand_in.strict
    key, known = tmp_path / "key", tmp_path / "known_hosts"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    kind, public, *_ = server.run(f"cat {HOST_KEY}").split()
    known.write_text(f"{server.address} {kind} {public}\n")
    try:
        server.write(SSHD, ONLY_FILES)
        server.run(SERVER)
        server.run("cat > ~storage/.ssh/authorized_keys", stdin=key.with_suffix(".pub").read_text())
        yield {
            # A storage that has lost its backups is reported, so each run has a place of its own.
            "backup_repository": f"sftp:storage@{server.address}:/backups/{secrets.token_hex(4)}",
            "backup_ssh_key_file": str(key),
            "backup_ssh_hosts_file": str(known),
        }
    finally:
        server.run(NO_SERVER)


def test_a_backup_on_an_sftp_server_is_proven_and_strangers_servers_are_refused(
    deployment: Deployment, release: str, site: Site, storage: dict[str, str]
):
    host, server = site.host, deployment.stand_in.strict
    run = playbook.run(deployment, release, "playbook.yml", "--tags", "backup", **storage)
    assert run.returncode == 0, run.stdout[-6000:]
    assert host.run(f"stat -c %a {Path(KNOWN).with_name('backup_ssh_key')}").strip() == "600"
    host.run("systemctl start listkit-backup")
    assert len(json.loads(host.run("listkit backup list --json"))) == 1
    host.run("listkit backup verify --all")
    # The account has no shell.
    assert server.run("ls /srv/storage/backups/*").split() == ["config", "data", "index", "keys", "locks", "snapshots"]

    known = host.run(f"cat {KNOWN}")
    host.run(f"sed 's/ [^ ]*$/ {OTHER_KEY}/' -i {KNOWN}")
    refused = host.try_run("listkit backup list")
    assert refused.returncode == 1
    assert "the server's host key is not the one in backup_ssh_hosts_file" in refused.stderr
    host.run(f"cat > {KNOWN}", stdin=known)

    server.run("rm ~storage/.ssh/authorized_keys")
    refused = host.try_run("listkit backup list")
    assert refused.returncode == 1 and "the storage refuses access" in refused.stderr
