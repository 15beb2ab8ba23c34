"""Whoever makes a list, and however: it starts with what strict receivers need."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

import pytest

from deployment import Deployment, Site
from e2e.mailing import MailingList
from e2e.website import WebSite, submit

pytestmark = [pytest.mark.lab, pytest.mark.every_release("core")]

STYLES = ["legacy-default", "legacy-announce", "private-default"]
SAFE = {
    "dmarc_mitigate_action": "munge_from",
    "dmarc_mitigate_unconditionally": True,
    "reply_goes_to_list": "point_to_list",
    "first_strip_reply_to": True,
}
OWN = {
    "legacy-default": {"archive_policy": "public", "default_member_action": "defer"},
    "legacy-announce": {"archive_policy": "public", "allow_list_posts": False},
    "private-default": {"archive_policy": "private", "advertised": False},
}
"""What else tells Mailman's styles apart: they still do what they say."""


@pytest.fixture
def site(deployment: Deployment, release: str) -> Site:
    """A deployed host."""
    return deployment.sites[release]


@pytest.fixture
def unmade(deployment: Deployment, site: Site) -> Iterator[MailingList]:
    """A list that the test makes."""
    mailing_list = MailingList(deployment, site, f"s{secrets.token_hex(3)}")
    yield mailing_list
    mailing_list.rest("DELETE", f"lists/{mailing_list.address}")


def settings(mailing_list: MailingList, names) -> dict:
    """Some of a list's settings."""
    config = mailing_list.rest("GET", f"lists/{mailing_list.address}/config")
    return {name: config[name] for name in names}


def check_safe(mailing_list: MailingList) -> None:
    """The list has the kit's settings."""
    assert settings(mailing_list, SAFE) == SAFE


def test_mailman_has_these_styles_and_no_others(mailing_list: MailingList):
    styles = mailing_list.rest("GET", "lists/styles")
    assert sorted(style["name"] for style in styles["styles"]) == sorted(STYLES)
    assert styles["default"] == "legacy-default"


def test_by_rest_without_a_style(mailing_list: MailingList):
    check_safe(mailing_list)


@pytest.mark.parametrize("style", STYLES)
def test_by_rest(unmade: MailingList, style: str):
    unmade.rest("POST", "lists", fqdn_listname=unmade.address, style_name=style)
    check_safe(unmade)
    assert settings(unmade, OWN[style]) == OWN[style]


def test_by_command(unmade: MailingList):
    unmade.site.host.run(f"runuser -u list -- mailman create {unmade.address}")
    check_safe(unmade)


@pytest.mark.parametrize("style", ["preselected", "legacy-announce"])
def test_by_postorius(unmade: MailingList, style: str):
    superuser = WebSite.of(unmade.site).superuser()
    page = superuser.get("/mailman3/postorius/lists/new/")
    [preselected] = re.findall(r'<option value="([a-z-]+)" selected', page.text)
    chosen = preselected if style == "preselected" else style
    fields = {"listname": unmade.name, "mail_host": unmade.site.domain, "list_owner": "ana@strict.test"}
    submit(superuser, page, **fields, advertised="True", list_style=chosen)
    check_safe(unmade)
