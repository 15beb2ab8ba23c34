"""What the kit does at the provider, from a deployed host: preflight, aliases and their test, a password, the probe."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployment import LISTS, MAIL_PASSWORD, Deployment, Site
from e2e import playbook
from e2e.mailing import MailingList
from infomaniak_api import StandInApi
from infomaniak_api.account import Account, Hosting, Mailbox
from infomaniak_api.server import TOKEN

pytestmark = [pytest.mark.lab, pytest.mark.one_release, pytest.mark.same_site]

HOSTING = 123456
NEW_PASSWORD = "device-password-2"
MISSING = "board-leave"


@pytest.fixture
def site(deployment: Deployment, release: str) -> Site:
    return deployment.sites[release]


@pytest.fixture
def api(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """The provider's API, in which the mailbox has no alias yet."""
    account = Account({HOSTING: Hosting(HOSTING, site.domain, mailboxes={"mailman": Mailbox("mailman")})})
    with StandInApi(account) as stand_in:
        monkeypatch.setenv("INFOMANIAK_HOST", stand_in.url)
        yield account


def test_preflight_finds_nothing_wrong_with_a_host_as_it_should_be(deployment: Deployment, release: str, site: Site):
    looked = ("Check the DNS", "See whether they have what a deployment needs", "Log in to each mailbox once")
    dns = {"mail_dns_check": True, "dns_name_servers": [deployment.stand_in.service.address]}
    said = playbook.deploy(deployment, release, "--tags", "preflight", "-v", fqdn_addresses=[site.web.address], **dns)
    assert not [name for name in looked if name not in said]
    summary = said.partition("PLAY [Summarise the run]")[2]
    assert "DKIM: unknown how" in summary and "Result: the hosts were not checked." in summary
    assert not [title for title in ("Warnings", "Not done", "Records to add") if title in summary], summary
    assert MAIL_PASSWORD not in said
    wrong = playbook.deploy(
        deployment, release, "--tags", "preflight", "--skip-tags", "never", fqdn_addresses=["192.0.2.1"], **dns
    )
    assert f"The name leads to {site.web.address}, and the web interface is at 192.0.2.1" in " ".join(wrong.split())


def test_the_aliases_that_a_run_makes_are_tested_and_nothing_stays_of_the_test(
    deployment: Deployment, release: str, site: Site, api: Account
):
    lists = [MailingList(deployment, site, entry["name"]) for entry in LISTS]
    held = [mailing_list.held() for mailing_list in lists]
    deployment.stand_in.remove_aliases(site.mailbox, MISSING)
    try:
        variables = {"infomaniak_token": TOKEN, "infomaniak_mail_hosting": HOSTING}
        said = " ".join(playbook.deploy(deployment, release, "--tags", "mailbox", **variables).split())
    finally:
        deployment.stand_in.add_aliases(site.mailbox, MISSING)
    assert len(api.hostings[HOSTING].mailboxes["mailman"].aliases) == 1 + 9 * len(LISTS)
    assert "Mail arrives for 18 of 19 addresses" in said
    assert re.search(rf"refused for {re.escape(site.address(MISSING))}: .* 550 5\.1\.1 ", said)
    assert f"Mail Service > {site.mailbox.login} > Aliases > Add an alias: {MISSING}" in said

    # Of the messages that arrived, neither Mailman nor a folder has one.
    assert [mailing_list.held() for mailing_list in lists] == held
    folders = f"cd /var/vmail/{site.mailbox.login}/Maildir && grep -rls ^X-Listkit-Round-Trip cur new .Processed"
    assert deployment.stand_in.service.try_run(folders).stdout == ""

    # The one that is there again, as a run without a token tests it.
    tag = ("--tags", "round_trip")
    assert "Mail arrives for 1 of 1 addresses" in playbook.deploy(
        deployment, release, *tag, round_trip_addresses=[site.address(MISSING)]
    )


def test_another_password_is_tried_and_deployed(
    deployment: Deployment, release: str, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    kept, aside = tmp_path / "mail_password", tmp_path / "new-password"
    monkeypatch.setenv("NEW_MAIL_PASSWORD", NEW_PASSWORD)
    deployment.stand_in.add_mailbox(site.mailbox.login, NEW_PASSWORD)
    try:
        words = ("--tags", "relay,bridge", "--diff")
        variables = {"rotate_file": str(aside), "rotate_into": str(kept)}
        done = playbook.run(deployment, release, "playbooks/rotate_mail_password.yml", *words, **variables)
        assert done.returncode == 0, done.stdout[-6000:]
        assert NEW_PASSWORD not in done.stdout and MAIL_PASSWORD not in done.stdout
        assert kept.read_text().strip() == NEW_PASSWORD and not aside.exists()
        # Through the relay and back to the bridge, both of which log in with it.
        answer = site.host.run(f"listkit check --wait 60 --round-trip {site.address('members')}")
        assert "for 1 of 1 addresses" in answer
    finally:
        deployment.stand_in.add_mailbox(site.mailbox.login, MAIL_PASSWORD)
        playbook.deploy(deployment, release, "--tags", "relay,bridge")
        site.host.run("listkit budget resume")
    # The next tests have the password that they expect.
    site.host.run(f"listkit check --wait 60 --round-trip {site.address('members')}")


def test_the_probe_pauses_the_bridge_and_finds_the_service_as_it_is(deployment: Deployment, release: str, site: Site):
    facts = deployment.inventory.parent / "mail-probe.json"
    try:
        done = playbook.run(deployment, release, "playbooks/probe.yml", probe_wait=60)
        assert done.returncode == 0, done.stdout[-6000:]
        assert json.loads(facts.read_text())["verp"] is True
    finally:
        # The next run would read it, and switch on what the other tests don't expect.
        facts.unlink(missing_ok=True)
    report = done.stdout.partition("TASK [Show the findings]")[2].partition("PLAY RECAP")[0]
    assert "envelope sender" in report and site.domain not in report and MAIL_PASSWORD not in report
    answer = site.host.run(f"listkit check --wait 60 --round-trip {site.address('members')}")
    assert "for 1 of 1 addresses" in answer
