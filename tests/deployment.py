"""What a deployment needs around it: a lab with the stand-in mail service, a mailbox for each host, and an inventory.

usage: python3 -m deployment up LAB NAME=IMAGE[,IMAGE,IMAGE] …     make it all, print the inventory's path
       python3 -m deployment ready LAB NAME=IMAGE[,IMAGE,IMAGE] …  the same, and deploy, from a snapshot if there is one
       python3 -m deployment down LAB                              take it away, if it is there

Each site gets a domain of its own, `<name>.test`, and the mailbox `mailman@<name>.test`; its web interface is
`lists.<name>.test`. One image makes a site of one host, three make a site that is split: its hosts are `<name>`,
`<name>-web` and `<name>-database`, and the lab has no other site.

Standard library only, so that the system's Python can run it as root.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from infomaniak import Mailbox, StandIn
from infomaniak.service import HOSTS as STAND_IN_HOSTS
from lab import Host, Lab, LabError, images, snapshots
from lab.labs import names

ROOT = Path(__file__).resolve().parents[1]

READY_SECONDS = 180
MAIL_PASSWORD = "device-password-1"
ADMIN_USER, ADMIN_PASSWORD = "admin", "first-administrator-1"
SITE_OWNER = "site-owner@strict.test"
REPOSITORY, REPOSITORY_PASSWORD = "/srv/listkit-backup", "repository-password-1"
ORGANISATION = "The Example Society"
LISTS = [
    {"name": "members", "description": "News for our members", "owners": ["ana@strict.test"]},
    {
        "name": "board",
        "description": "The board",
        "owners": ["ana@strict.test"],
        "settings": {"archive_policy": "private"},
    },
]
"""The lists that every deployment declares."""
KIT = ("ansible.cfg", "collections", "playbook.yml", "playbooks", "roles", "src")
AROUND = ("tests/deployment.py", "tests/infomaniak/host")
"""What a deployment is made from."""
RECORD = "deployed-from"
"""The file in a lab with the fingerprints of both."""


PARTS = ("", "-web", "-database")
"""What is added to a site's name to name its hosts, when it is split."""


@dataclass(frozen=True)
class Site:
    """One deployed Mailman and its mailbox at the stand-in. `host` has core, the relay and the bridge.

    The web interface is on `web`, PostgreSQL on `database`; unless the site is split, they are the same host.
    """

    host: Host
    web: Host
    database: Host
    mailbox: Mailbox

    @property
    def hosts(self) -> list[Host]:
        """The site's hosts, each once."""
        return [self.host, self.web, self.database] if self.split else [self.host]

    @property
    def split(self) -> bool:
        """Whether the site has several hosts."""
        return self.web != self.host

    @property
    def domain(self) -> str:
        """The part after the @ of the lists' addresses."""
        return self.mailbox.domain

    @property
    def fqdn(self) -> str:
        """The name of the web interface."""
        return f"lists.{self.domain}"

    def address(self, name: str) -> str:
        """The full address of a list, or of one of its sub-addresses."""
        return f"{name}@{self.domain}"

    def variables(self, host: Host) -> dict[str, object]:
        """What an operator writes into the inventory for one of the hosts."""
        return {
            "backup_repository": REPOSITORY,
            "backup_password": REPOSITORY_PASSWORD,
            "ansible_host": host.address,
            "ansible_ssh_common_args": " ".join(host.ssh_options()),
            "fqdn": self.fqdn,
            "mailman_domain": self.domain,
            "mail_account": self.mailbox.login,
        }


@dataclass(frozen=True)
class Deployment:
    """A lab, the stand-in in it, and the hosts to deploy."""

    lab: Lab
    stand_in: StandIn
    sites: dict[str, Site]

    @classmethod
    def up(cls, name: str, hosts: dict[str, str]) -> Deployment:
        """Make the lab, the stand-in and the sites' hosts (name → image, or three of them), unless they are there."""
        lab = Lab.up(name, {host: image for site, images in hosts.items() for host, image in _hosts(site, images)})
        deployment = cls(lab, StandIn.up(lab), {site: _site(lab, site) for site in hosts})
        deployment._register()
        (lab.directory / "sites.json").write_text(json.dumps(list(hosts)))
        deployment.inventory.write_text(json.dumps(deployment._inventory(), indent=2))
        return deployment

    @classmethod
    def ready(cls, name: str, hosts: dict[str, str]) -> Deployment:
        """The same, deployed: as it is if nothing changed, from the snapshot of an earlier time, or deployed now.

        After a change of the kit the playbook runs again; after one of what is around it the hosts are made again.
        """
        around, kit = fingerprint(hosts, AROUND), fingerprint(hosts, KIT)
        if name in names() and _recorded(name)[:1] != [around]:
            Lab.load(name).down()
        fresh = name not in names()
        if fresh:
            snapshots.restore(name, f"{around}-{kit}")
        deployment = cls.up(name, hosts)
        if _recorded(name) != [around, kit]:
            record = deployment.lab.directory / RECORD
            record.write_text(around)
            deployment.deploy()
            record.write_text(f"{around} {kit}")
            if fresh:
                snapshots.take(deployment.lab, f"{around}-{kit}")
        deployment.wait()
        return deployment

    def wait(self) -> None:
        """Wait until the hosts find nothing wrong with themselves; report what they still find after a while."""
        for host in (host for site in self.sites.values() for host in site.hosts):
            check = host.try_run(f"listkit check --wait {READY_SECONDS}")
            if check.returncode:
                wrong = "\n".join(line for line in check.stdout.splitlines() if not line.startswith("ok "))
                print(f"{host.name}: {wrong}", file=sys.stderr, flush=True)

    def deploy(self) -> None:
        """Run the playbook that production runs; raise `LabError` with the path of its log when it fails."""
        log = ROOT / ".cache" / "logs" / f"{self.lab.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        print(f"deploying {', '.join(self.sites)}; log: {log}", file=sys.stderr, flush=True)
        with log.open("w") as output:
            done = subprocess.run(
                ["ansible-playbook", "-i", self.inventory, "playbook.yml", "--diff"],
                cwd=ROOT, env=os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False,
            )  # fmt: skip
        if done.returncode:
            raise LabError(f"the playbook ended with {done.returncode}; its log: {log}")

    @classmethod
    def load(cls, name: str) -> Deployment:
        """The deployment of that name, which an earlier `up` made."""
        lab = Lab.load(name)
        sites = json.loads((lab.directory / "sites.json").read_text())
        return cls(lab, StandIn(lab), {host: _site(lab, host) for host in sites})

    @property
    def inventory(self) -> Path:
        """The inventory for `ansible-playbook -i`."""
        return self.lab.directory / "inventory.json"

    def _register(self) -> None:
        """Make the sites known to the stand-in; at every `up`, because an earlier one may have been interrupted."""
        for site in self.sites.values():
            self.stand_in.add_mailbox(site.mailbox.login, site.mailbox.password)
            self.stand_in.add_list_aliases(site.mailbox, *(entry["name"] for entry in LISTS))
            self.stand_in.add_host(site.fqdn, site.web.address)

    def _inventory(self) -> dict[str, object]:
        shared = {
            "ansible_user": "debian",
            "ansible_python_interpreter": "/usr/bin/python3",
            "mail_host": "mail.infomaniak.com",
            "mail_ca_file": str(self.stand_in.ca_file),
            "mail_password": MAIL_PASSWORD,
            "mailman_user": ADMIN_USER,
            "mailman_password": ADMIN_PASSWORD,
            "mailman_email": SITE_OWNER,
            "mailman_lists": LISTS,
            "organisation_name": ORGANISATION,
            "tls_mode": "selfsigned",
            # The lab's names aren't in the public DNS.
            "mail_dns_check": False,
            # The tests are many strangers in an hour; those about the limits set their own.
            "mail_budget_strangers": 40,
            "mail_budget_answers_per_hour": 1000,
            "mail_budget_answers_per_recipient": 20,
        }
        groups = {
            group: {component(site).name: site.variables(component(site)) for site in self.sites.values()}
            for group, component in GROUPS.items()
            if group == "mailman" or any(site.split for site in self.sites.values())
        }
        return {"all": {"vars": shared}, **{group: {"hosts": hosts} for group, hosts in groups.items()}}


def fingerprint(hosts: dict[str, str], sources: Iterable[str]) -> str:
    """A hash of the hosts with their images, and of these files and directories of the repository."""
    digest = hashlib.sha256(json.dumps(hosts, sort_keys=True).encode())
    wanted = {image for site in hosts.values() for image in site.split(",")} | set(STAND_IN_HOSTS.values())
    for image in sorted(wanted):
        digest.update(images.version(image).encode())
    for path in sorted(_files(sources)):
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _recorded(lab: str) -> list[str]:
    """The fingerprints of what is around the lab's hosts and, once they are deployed, of the kit."""
    record = Lab.load(lab).directory / RECORD
    return record.read_text().split() if record.exists() else []


def _files(names: Iterable[str]) -> Iterator[Path]:
    for name in names:
        paths = [ROOT / name] if (ROOT / name).is_file() else (ROOT / name).rglob("*")
        yield from (path for path in paths if path.is_file() and "__pycache__" not in path.parts)


def secrets_on(host: Host) -> list[str]:
    """Every secret that is on a host: the operator's, and those that the host made."""
    made = host.run("for file in /etc/listkit/secrets/*; do cat $file; echo; done").splitlines()
    return [
        MAIL_PASSWORD,
        ADMIN_PASSWORD,
        *(line for line in made if line and line != REPOSITORY and line[0] not in "{["),
    ]


GROUPS = {
    "mailman": lambda site: site.host,
    "mailman_web": lambda site: site.web,
    "database": lambda site: site.database,
}
"""Which of a site's hosts is in which group of the inventory."""


def _hosts(site: str, images: str) -> list[tuple[str, str]]:
    """The hosts of a site with their images."""
    names = [f"{site}{part}" for part in PARTS] if "," in images else [site]
    return list(zip(names, images.split(","), strict=True))


def _site(lab: Lab, name: str) -> Site:
    hosts = lab.hosts
    parts = [hosts.get(f"{name}{part}", lab.host(name)) for part in PARTS]
    return Site(*parts, Mailbox(f"mailman@{name}.test", MAIL_PASSWORD))


def main(arguments: list[str]) -> int:
    """Run one command; 1 and a message when the lab fails, 2 when the command is unknown."""
    try:
        match arguments:
            case ["up", name, *hosts]:
                print(Deployment.up(name, dict(host.split("=", 1) for host in hosts)).inventory)
            case ["ready", name, *hosts]:
                print(Deployment.ready(name, dict(host.split("=", 1) for host in hosts)).inventory)
            case ["down", name]:
                if name in names():
                    Lab.load(name).down()
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except LabError as error:
        print(f"deployment: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
