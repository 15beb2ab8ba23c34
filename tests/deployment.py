"""What a deployment needs around it: a lab with the stand-in mail service, a mailbox for each host, and an inventory.

usage: python3 -m deployment up LAB NAME=IMAGE …     make it all, print the inventory's path
       python3 -m deployment down LAB                take it away

Each host gets a domain of its own, `<name>.test`, and the mailbox `mailman@<name>.test`; its web interface is
`lists.<name>.test`. Standard library only, so that the system's Python can run it as root.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from infomaniak import Mailbox, StandIn
from lab import Host, Lab, LabError

MAIL_PASSWORD = "device-password-1"
ADMIN_USER, ADMIN_PASSWORD = "admin", "first-administrator-1"
SITE_OWNER = "site-owner@strict.test"
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


@dataclass(frozen=True)
class Site:
    """One deployed Mailman host and its mailbox at the stand-in."""

    host: Host
    mailbox: Mailbox

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

    def variables(self) -> dict[str, object]:
        """What an operator writes into the inventory for this host."""
        return {
            "ansible_host": self.host.address,
            "ansible_ssh_common_args": " ".join(self.host.ssh_options()),
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
        """Make the lab, the stand-in and the hosts (name → image), unless they are there."""
        lab = Lab.up(name, hosts)
        fresh = "infomaniak" not in lab.hosts
        deployment = cls(lab, StandIn.up(lab), {host: _site(lab, host) for host in hosts})
        if fresh:
            deployment._register()
        (lab.directory / "sites.json").write_text(json.dumps(list(hosts)))
        deployment.inventory.write_text(json.dumps(deployment._inventory(), indent=2))
        return deployment

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
        for site in self.sites.values():
            self.stand_in.add_mailbox(site.mailbox.login, site.mailbox.password)
            self.stand_in.add_list_aliases(site.mailbox, *(entry["name"] for entry in LISTS))
            self.stand_in.add_host(site.fqdn, site.host.address)

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
            "organisation_name": "The Example Society",
            "tls_mode": "selfsigned",
        }
        return {"mailman": {"hosts": {name: site.variables() for name, site in self.sites.items()}, "vars": shared}}


def _site(lab: Lab, name: str) -> Site:
    return Site(lab.host(name), Mailbox(f"mailman@{name}.test", MAIL_PASSWORD))


def main(arguments: list[str]) -> int:
    """Run one command; 1 and a message when the lab fails, 2 when the command is unknown."""
    try:
        match arguments:
            case ["up", name, *hosts]:
                print(Deployment.up(name, dict(host.split("=", 1) for host in hosts)).inventory)
            case ["down", name]:
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
