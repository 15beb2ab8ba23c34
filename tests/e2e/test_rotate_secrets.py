"""The secrets that the hosts made for themselves are replaced, and the site works with the new ones."""

from __future__ import annotations

import secrets

import pytest

from deployment import Deployment, Site
from e2e import playbook
from e2e.mailing import MailingList
from e2e.website import WebSite, archived

pytestmark = pytest.mark.lab

OF_EVERY_SITE = ("archiver_key", "django_secret_key", "rest_password")
OF_A_SPLIT_SITE = (
    "database_core_password",
    "database_web_password",
    "trace_key",
    "tunnel_core_database",
    "tunnel_core_web",
    "tunnel_web_database",
)


def values(site: Site, names: tuple[str, ...]) -> dict[str, set[str]]:
    """What each secret is, on the hosts that have it."""
    read = "cat /etc/listkit/secrets/{}"
    found = {name: {host.try_run(read.format(name)).stdout.strip() for host in site.hosts} for name in names}
    return {name: known - {""} for name, known in found.items()}


def test_new_secrets_replace_the_old_ones(deployment: Deployment, release: str, mailing_list: MailingList):
    site = deployment.sites[release]
    names = OF_EVERY_SITE + (OF_A_SPLIT_SITE if site.split else ())
    old = values(site, names)
    assert {len(known) for known in old.values()} == {1}, "every secret is there, with one value"

    # The playbook ends with `listkit check` on every host.
    run = playbook.run(deployment, release, "playbooks/rotate-secrets.yml", rotate=",".join(names))
    assert run.returncode == 0, run.stdout[-4000:]

    new = values(site, names)
    assert {len(known) for known in new.values()} == {1}
    assert [name for name in names if new[name] == old[name]] == []
    # Mailman's way into the archive, and the bridge's to Mailman.
    mailing_list.configure(archive_policy="public")
    subject = f"Rotated {secrets.token_hex(3)}"
    mailing_list.add("rita@strict.test")
    mailing_list.post("rita@strict.test", subject)
    archived(WebSite.of(site).browser(), mailing_list.address, subject)


@pytest.mark.one_release
def test_an_unknown_name_is_refused_before_anything_changes(deployment: Deployment, release: str):
    run = playbook.run(deployment, release, "playbooks/rotate-secrets.yml", rotate="rest_pasword")
    assert run.returncode != 0
    assert "such as -e rotate=rest_password,archiver_key" in run.stdout
    assert "changed=0" in run.stdout
