"""`playbooks/rotate_mail_password.yml` against the stand-in API and a mail service to log in to.

Each host is a site of its own in another situation, so that one run shows them all.
"""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from ansible_run import KIT, Run, ansible_playbook
from mail_logins import MailLogins

from infomaniak_api import StandInApi
from infomaniak_api.account import Account, Device, Hosting, Mailbox
from infomaniak_api.server import TOKEN

OLD, BY_HAND = "the-old-device-password", "the-one-made-by-hand"
SITE = {
    "mail_host": "localhost",
    "mail_password": OLD,
    "mailman_user": "admin",
    "mailman_password": "the-web-password",
    "mailman_domain": "example.org",
    "mailman_email": "admin@example.org",
    "infomaniak_token": TOKEN,
    "ansible_connection": "local",
}
SITES = ("first", "second_run", "in_one_run", "refused", "by_hand")
OURS = "listkit {}.example.org {}"


def mailbox(name: str, *labels: str) -> Mailbox:
    """Return a mailbox whose passwords have these labels, the oldest first."""
    return Mailbox(name, devices={number: Device(number, label) for number, label in enumerate(labels, start=1)})


@dataclass
class Rotation:
    """A run for all sites, and what it left."""

    folder: Path
    run: Run
    api: StandInApi
    logins: MailLogins

    def labels(self, site: str) -> list[str]:
        """The labels of the site's device passwords."""
        return [device.label for device in self.box(site).devices.values()]

    def box(self, site: str) -> Mailbox:
        """The site's mailbox."""
        return self.api.account.hostings[SITES.index(site) + 1].mailboxes[site]

    def waiting(self, site: str) -> Path:
        """The file with a new password that the inventory doesn't have yet."""
        return self.folder / f"{site}@example.org.new-password"

    def deployed(self, site: str) -> list[str]:
        """The passwords that the roles got."""
        path = self.folder / f"deployed-{site}"
        return path.read_text().split() if path.exists() else []

    def said(self, site: str) -> str:
        """Return what the run said at its end for this site."""
        (text,) = re.findall(rf'ok: \[{site}\] => \{{?\s*"?msg"?: (.*?)\n\n?(?:ok:|PLAY)', self._report, re.DOTALL)
        return " ".join(text.split()).replace("''", "'")

    @property
    def _report(self) -> str:
        return self.run.output.partition("TASK [Say what is left to do]")[2]


def rotate(folder: Path, api: StandInApi, logins: MailLogins, hosts: dict, environment: dict) -> Run:
    """Run the playbook, with a deployment that only writes down the passwords."""
    plays = yaml.safe_load((KIT / "playbooks/rotate_mail_password.yml").read_text())
    (first, deployment, last) = plays
    assert deployment["ansible.builtin.import_playbook"] == "site.yml"
    first.pop("pre_tasks")
    # Here, each site has its own, so they come from the inventory and not from the command line.
    options = {name: first["vars"].pop(name) for name in ("rotate_account", "rotate_file", "rotate_into", "rotate_old")}
    (trial,) = (task for task in first["tasks"] if task["name"] == "Test the new password")
    trial["block"][0]["listkit.infomaniak.mail_login_info"] |= {
        "port": logins.submission_port,
        "imap_port": logins.imap_port,
    }
    passwords = "{{ site_accounts | map(attribute='password') | join(' ') }}"
    write = {"content": passwords, "dest": f"{folder}/deployed-{{{{ inventory_hostname }}}}", "mode": "0600"}
    recorded = {"hosts": "mailman", "gather_facts": False, "roles": ["site"]}
    recorded["tasks"] = [{"ansible.builtin.copy": write, "diff": False, "no_log": True}]
    (folder / "play.yml").write_text(yaml.safe_dump([first, recorded, last]))
    group = {"hosts": hosts, "vars": {**SITE, **options, "mail_ca_file": str(logins.authority)}}
    (folder / "inventory.yml").write_text(yaml.safe_dump({"all": {"children": {"mailman": group}}}))
    environment = {"INFOMANIAK_HOST": api.url, **environment}
    return ansible_playbook(folder, "-i", "inventory.yml", "play.yml", "-vvv", "-D", environment=environment)


def site(name: str, **variables: object) -> dict[str, object]:
    return {
        "fqdn": f"{name}.example.org",
        "mail_account": f"{name}@example.org",
        "infomaniak_mail_hosting": SITES.index(name) + 1,
        **variables,
    }


@pytest.fixture(scope="module")
def rotation(tmp_path_factory) -> Rotation:
    """One run for all sites."""
    folder = tmp_path_factory.mktemp("rotation")
    boxes = {
        "first": mailbox("first", "list server", "ana's phone"),
        "second_run": mailbox("second_run", OURS.format("second_run", "2026-01-01"), OURS.format("second_run", "2027")),
        "in_one_run": mailbox("in_one_run", OURS.format("in_one_run", "2026-01-01"), "list server", "ana's phone"),
        "refused": mailbox("refused", "list server"),
        "by_hand": mailbox("by_hand"),
    }
    hostings = {
        number: Hosting(number, "example.org", mailboxes={name: boxes[name]})
        for number, name in enumerate(SITES, start=1)
    }
    adopted = boxes["second_run"].devices[2].password
    accounts = [
        {"address": f"{name}@example.org", "password": f"{OLD}-{name}"} for name in ("by_hand", "other", "third")
    ]
    (folder / "second_run@example.org.new-password").write_text(f"{adopted}\n")
    hosts = {
        "first": site("first"),
        "second_run": site("second_run", mail_password=adopted),
        "in_one_run": site("in_one_run", rotate_into=str(folder / "in-one-run"), rotate_old="list server"),
        "refused": site("refused"),
        "by_hand": site("by_hand", infomaniak_token="", mail_accounts=accounts, rotate_account="other@example.org"),
    }

    def passwords() -> set[str]:
        boxes_ = [box for name, box in boxes.items() if name != "refused"]
        return {device.password for box in boxes_ for device in box.devices.values()} | {BY_HAND}

    with StandInApi(Account(hostings)) as api, MailLogins(folder, passwords) as logins:
        run = rotate(folder, api, logins, hosts, {"NEW_MAIL_PASSWORD": BY_HAND})
        yield Rotation(folder, run, api, logins)


def test_a_new_password_is_deployed_and_the_old_one_stays_until_the_inventory_has_it(rotation):
    made = rotation.box("first").devices.popitem()[1]
    assert made.label.startswith("listkit first.example.org 20") and rotation.deployed("first") == [made.password]
    assert rotation.waiting("first").read_text() == f"{made.password}\n"
    assert stat.S_IMODE(rotation.waiting("first").stat().st_mode) == 0o600
    assert rotation.labels("first") == ["list server", "ana's phone"]
    assert "Put it in place of the old one" in rotation.said("first")
    assert """-e "rotate_old='LABEL'"; the mailbox has: ana's phone, list server""" in rotation.said("first")


def test_the_second_run_makes_no_other_and_removes_the_old_one(rotation):
    assert rotation.labels("second_run") == [OURS.format("second_run", "2027")]
    assert rotation.deployed("second_run") == [
        device.password for device in rotation.box("second_run").devices.values()
    ]
    assert not rotation.waiting("second_run").exists()
    assert "is removed: listkit second_run.example.org 2026-01-01" in rotation.said("second_run")


def test_one_run_is_enough_where_the_inventory_reads_a_file(rotation):
    phone, made = rotation.box("in_one_run").devices.values()
    assert phone.label == "ana's phone" and rotation.deployed("in_one_run") == [made.password]
    assert (rotation.folder / "in-one-run").read_text() == f"{made.password}\n"
    assert stat.S_IMODE((rotation.folder / "in-one-run").stat().st_mode) == 0o600
    assert not rotation.waiting("in_one_run").exists()


def test_a_password_that_is_refused_is_tried_once_and_taken_back(rotation):
    assert [login for login in rotation.logins.logins if not login[1]] == [("smtp", False)]
    assert rotation.deployed("refused") == [] and rotation.labels("refused") == ["list server"]
    assert not rotation.waiting("refused").exists()
    assert "The new password was not deployed, and the old one stays in use." in " ".join(rotation.run.output.split())
    assert "refuses the password of refused@example.org: 535" in " ".join(rotation.run.output.split())


def test_both_protocols_are_seen_before_the_deployment(rotation):
    accepted = sorted(protocol for protocol, right in rotation.logins.logins if right)
    assert accepted == ["imap"] * 4 + ["smtp"] * 4


def test_without_the_api_it_is_made_by_hand(rotation):
    assert (rotation.folder / "other@example.org.new-password").read_text() == f"{BY_HAND}\n"
    assert "Put it in place of the old one" in rotation.said("by_hand")


def test_only_the_account_that_is_named_gets_it_and_the_order_stays(rotation):
    assert rotation.deployed("by_hand") == [f"{OLD}-by_hand", BY_HAND, f"{OLD}-third"]


def test_no_password_is_shown_at_any_verbosity(rotation):
    files = [path.read_text().split() for path in rotation.folder.glob("deployed-*")]
    assert len(files) == 4
    secrets = {OLD, BY_HAND, TOKEN, *(secret for file in files for secret in file)}
    assert [secret for secret in secrets if secret in rotation.run.output] == []


def test_an_account_that_may_not_use_the_api_says_where_to_click(tmp_path):
    box = mailbox("first")
    account = Account({1: Hosting(1, "example.org", mailboxes={"first": box})})
    with StandInApi(account) as api, MailLogins(tmp_path, set) as logins:
        api.switches.device_passwords = False
        run = rotate(tmp_path, api, logins, {"first": site("first")}, {})
    assert run.returncode == 2 and logins.logins == [] and box.devices == {}
    said = " ".join(run.output.split())
    assert "There is no new password. Make one in the Manager > Mail Service > first@example.org > Devices" in said
