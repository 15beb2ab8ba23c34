"""A host with Debian 12 is lost: its backup comes back on one with 13, which can't store all of its addresses."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from deployment import Deployment, Site
from e2e import playbook
from e2e.backup_storage import append_only
from e2e.traffic import Traffic
from e2e.website import MANAGE, WebSite, log_in
from lab import Lab
from lab.labs import names

pytestmark = [pytest.mark.lab, pytest.mark.slow]

LAB = "later-release"
SECONDS = 1500
"""For a run of a play over a fresh host on a busy machine."""
PASSWORD = "people-choose-this-1"
MERGE = ("-e", "backup_restore_merge_addresses=true")
# Two accounts of one address, of which the first was used later, and an account that has an address twice.
ACCOUNTS = f"""
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.utils import timezone
def account(name, used, *addresses):
    made = get_user_model().objects.create_user(name, addresses[0], {PASSWORD!r})
    made.last_login = timezone.now() if used else None
    made.save()
    for address in addresses:
        EmailAddress.objects.create(user=made, email=address, verified=True, primary=address == addresses[0])
account("ana", True, "shared@strict.test")
account("ben", False, "Shared@strict.test")
account("cleo", False, "Cleo@strict.test", "cleo@strict.test")
"""
ADDRESSES = (
    "SELECT username, address.email, verified FROM account_emailaddress address"
    " JOIN auth_user account ON account.id = address.user_id WHERE username IN ('ana', 'ben', 'cleo')"
)


@dataclass(frozen=True)
class Operator:
    """Has the site's backups on a storage elsewhere."""

    storage: str

    @property
    def deployment(self) -> Deployment:
        """The host that is there now."""
        return Deployment.load(LAB)

    @property
    def site(self) -> Site:
        """The site."""
        return self.deployment.sites["host"]

    def run(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a playbook; its output has all that Ansible said."""
        place = f"backup_repository={self.storage}"
        return playbook.run_with(self.deployment.inventory, name, "-e", place, *words, seconds=SECONDS)

    def succeeds(self, name: str, *words: str) -> str:
        """Run a playbook, and return what Ansible said."""
        done = self.run(name, *words)
        assert done.returncode == 0, done.stdout[-6000:]
        return done.stdout

    def lose_host(self) -> None:
        """Destroy the host, and make a fresh one with Debian 13."""
        self.site.host.destroy()
        Deployment.up(LAB, {"host": "kit-trixie"})

    def addresses(self) -> set[tuple[str, ...]]:
        """The accounts' addresses, each with the account's name and whether it is confirmed."""
        query = f'cd / && runuser -u www-data -- psql -At mailman3web -c "{ADDRESSES}"'
        return {tuple(line.split("|")) for line in self.site.host.run(query).splitlines()}


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    """A deployed host with Debian 12, and a storage that only adds."""
    if LAB in names():
        Lab.load(LAB).down()  # what an interrupted test has left
    try:
        deployment = Deployment.ready(LAB, {"host": "kit-bookworm"})
        with append_only(deployment.lab, tmp_path) as storage:
            made = Operator(storage)
            made.succeeds("playbook.yml", "--tags", "backup")
            yield made
    finally:
        if LAB in names():
            Lab.load(LAB).down()


def test_a_backup_of_debian_12_comes_back_on_13_with_addresses_that_differ_only_in_case(operator: Operator):
    before = Traffic.begin(operator.deployment)
    operator.site.host.run(f"{MANAGE} shell", stdin=ACCOUNTS)
    operator.succeeds("playbooks/backup.yml")
    operator.lose_host()

    refused = operator.run("playbooks/restore.yml")
    said = " ".join(refused.stdout.split())
    assert refused.returncode, refused.stdout[-6000:]
    assert "backup_restore_merge_addresses=true" in said
    assert "Shared@strict.test: no longer confirmed for the account ben" in said
    assert operator.site.host.try_run("systemctl is-active -q listkit-bridge").returncode

    operator.succeeds("playbooks/restore.yml", *MERGE)

    assert operator.site.host.run("cut -d. -f1 /etc/debian_version").strip() == "13"
    found = {(account, address.lower(), confirmed) for account, address, confirmed in operator.addresses()}
    assert found == {
        ("ana", "shared@strict.test", "t"),
        ("ben", "shared@strict.test", "f"),
        ("cleo", "cleo@strict.test", "t"),
    }
    assert len(operator.addresses()) == len(found)
    website = WebSite.of(operator.site)
    for account in ("ana", "cleo"):
        browser = website.browser()
        page = log_in(browser, account, PASSWORD)
        assert page.url.startswith(browser.url("/mailman3/postorius/lists/")), page.text[:2000]
    here = replace(before.mailing_list, deployment=operator.deployment, site=operator.site)
    after = replace(before, deployment=operator.deployment, mailing_list=here)
    after.flows("Afterwards")
    after.is_complete("Before", "Afterwards")
    after.is_searchable()
    operator.site.host.run("listkit check --wait 180")
