"""A list in a second mail domain, which has a mailbox of its own."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import replace

import pytest

from deployment import LISTS, SITE_OWNER, Deployment
from e2e import playbook
from e2e.mailing import MailingList, person
from infomaniak import Mailbox, compose

pytestmark = [pytest.mark.lab, pytest.mark.one_release, pytest.mark.same_site]


@pytest.fixture(scope="module")
def press(deployment: Deployment, release: str) -> Iterator[MailingList]:
    """The list; afterwards the host is as it was."""
    site, stand_in = deployment.sites[release], deployment.stand_in
    second = Mailbox(f"letters@other-{site.domain}", "device-password-2")
    made = MailingList(deployment, replace(site, mailbox=second), "press")
    stand_in.add_mailbox(second.login, second.password)
    stand_in.add_list_aliases(second, made.name)
    accounts = [{"address": box.login, "password": box.password} for box in (site.mailbox, second)]
    playbook.deploy(deployment, release, mail_accounts=accounts, mailman_lists=[*LISTS, {"name": made.address}])
    yield made
    made.delete()
    made.rest("DELETE", f"domains/{second.domain}")
    playbook.deploy(deployment, release, "--tags", "relay,core,web,bridge,lists")


def test_a_post_arrives(press: MailingList):
    author, reader, about = person("author"), person(), secrets.token_hex(4)
    press.add(author, reader)
    press.post(author, about)
    copy = press.arrives(reader, about)
    assert copy["Return-Path"] == f"<{press.sub('bounces')}>"
    assert press.address in copy["From"]


def test_mail_to_the_mailbox_itself_reaches_the_sites_owner(press: MailingList):
    visitor, about = person("visitor"), secrets.token_hex(4)
    mailbox = press.site.mailbox.login
    press.deployment.stand_in.post(visitor, mailbox, compose(visitor, mailbox, about))
    assert press.arrives(SITE_OWNER, about)["Reply-To"] == visitor


def test_a_change_of_the_domain_that_leaves_lists_behind_is_refused_before_anything_changes(
    deployment: Deployment, release: str
):
    run = playbook.run(deployment, release, "playbook.yml", mailman_domain="new.test")
    assert run.returncode != 0
    assert f"members@{deployment.sites[release].domain} would stay behind" in " ".join(run.stdout.split())
    assert not re.search(r"changed=[1-9]", run.stdout)
