"""What HyperKitty tells of private lists beside their posts, and the pages that allauth brings."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from deployment import Deployment
from e2e.browser import Browser
from e2e.mailing import MailingList
from e2e.website import WebSite, archived, archiving, in_django
from infomaniak import compose

pytestmark = [pytest.mark.lab, pytest.mark.every_release]

_SUGGESTED = """
def act(term):
    from django.utils import timezone
    from hyperkitty.models import MailingList, Tag, Tagging, Thread
    made = {}
    for name in ("public", "private"):
        mailing_list = MailingList.objects.create(name=f"{name}@tags.test", list_id=f"{name}.tags.test")
        thread = Thread.objects.create(mailinglist=mailing_list, thread_id=f"{name}1", date_active=timezone.now())
        Thread.objects.create(mailinglist=mailing_list, thread_id=f"{name}2", date_active=timezone.now())
        tag = Tag.objects.create(name=f"tag-{name}")
        Tagging.objects.create(tag=tag, thread=thread, user=users.first())
    MailingList.objects.filter(name="public@tags.test").update(archive_policy=2)
    path = "/hyperkitty/list/public@tags.test/thread/public2/suggest-tags"
    answer = Client(SERVER_NAME="localhost").get(path, {"term": term}, secure=True)
    return [answer.status_code, answer.content.decode()]
"""


@pytest.fixture
def guest(website: WebSite) -> Browser:
    """A person who isn't logged in."""
    return website.browser()


@pytest.fixture
def private_list(website: WebSite, mailing_list: MailingList) -> Iterator[str]:
    """The address of a list whose archive only members may read, with one post."""
    with archiving(website, mailing_list, "private") as address:
        website.deliver(compose("bo@example.com", address, "For members"))
        archived(website.superuser(), address, "For members")
        yield address


def test_a_search_shows_the_address_of_a_private_list_to_nobody_else(
    guest: Browser, superuser: Browser, private_list: str
):
    name = private_list.partition("@")[0]
    search = f"/mailman3/hyperkitty/?name={name[:-1]}"
    assert private_list in superuser.get(search).url
    page = guest.get(search)
    assert page.status == 200
    assert private_list not in page.url + page.text


@pytest.mark.parametrize("term", ["", "tag"])
def test_only_the_list_s_own_tags_are_suggested(website: WebSite, term: str):
    status, names = in_django(website, _SUGGESTED, term)
    assert status == 200, names[:500]
    assert json.loads(names) == ["tag-public"]


@pytest.mark.parametrize("path", ["confirm-email/", "password/reset/done/", "inactive/"])
def test_the_pages_between_two_forms_look_like_all_others(
    deployment: Deployment, guest: Browser, website: WebSite, path: str
):
    page, login = guest.get(f"/mailman3/accounts/{path}"), guest.get("/mailman3/accounts/login/")
    assert page.status == 200
    assert login.loaded and set(login.loaded) <= set(page.loaded)
