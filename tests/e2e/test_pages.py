"""The pages that people see at the root and when something is wrong: in their language, with the right name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deployment import ORGANISATION, Site
from e2e.browser import Browser, Page, hosts_of
from e2e.website import WebSite, submit, wait_for

STARTED_WITHIN_SECONDS = 60
LISTS = {"en": "Mailing Lists", "fr": "Listes de diffusion", "de": "Mailing-Listen", "it": "Liste"}
NOT_FOUND = {"en": "Page not found", "fr": "Page introuvable"}
SERVER_ERROR = {"en": "Server error", "de": "Serverfehler"}
TRY_AGAIN = "Something went wrong. Please try again."


@pytest.fixture
def guest(website: WebSite) -> Browser:
    """Somebody who isn't logged in."""
    return website.browser()


def heading(page: Page) -> str:
    """What the page says in large letters."""
    return re.search(r"<h1>(.*?)</h1>", page.text, re.DOTALL)[1].strip()


def assert_for_people(page: Page, language: str) -> None:
    """The page says its language, whose it is, and fits a phone; it needs nothing else to be there."""
    assert page.headers["Content-Type"].startswith("text/html")
    assert '<meta charset="utf-8">' in page.text
    assert f'<html lang="{language}"' in page.text
    assert "width=device-width" in page.text
    assert ORGANISATION in re.search(r"<title>(.*?)</title>", page.text)[1]
    assert ORGANISATION in page.text.partition("<body>")[2]
    assert page.loaded == []
    assert len(hosts_of(page.links)) == 1
    assert "Accept-Language" in page.headers["Vary"]


@pytest.mark.parametrize("language", LISTS)
def test_the_root_leads_to_a_page_that_leads_to_everything(guest: Browser, language: str):
    page = guest.get("/", **{"Accept-Language": f"{language};q=0.9"})
    assert (page.status, page.url) == (200, guest.url("/mailman3/"))
    assert_for_people(page, language)
    assert heading(page) == ORGANISATION
    assert LISTS[language] in page.text
    assert [guest.get(url).status for url in page.links] == [200] * 4


@pytest.mark.parametrize("language", NOT_FOUND)
@pytest.mark.parametrize("path", ["/nothing", "/mailman3/nothing", "/mailman3/hyperkitty/api/mailman/archive"])
def test_what_is_not_there(guest: Browser, path: str, language: str):
    page = guest.get(path, **{"Accept-Language": language})
    assert page.status == 404
    assert_for_people(page, language)
    assert heading(page) == NOT_FOUND[language]


def test_what_is_forbidden(guest: Browser):
    page = guest.post("/mailman3/accounts/login/", {"login": "x"}, **{"Accept-Language": "fr"})
    assert page.status == 403
    assert_for_people(page, "fr")


def test_too_many_requests(website: WebSite):
    stranger = website.stranger()
    forms = (stranger.post("/mailman3/accounts/password/reset/", {"email": "x"}) for _ in range(40))
    page = next(page for page in forms if page.status == 429)
    assert_for_people(page, "en")
    assert heading(page) == TRY_AGAIN
    assert int(page.headers["Retry-After"]) > 0


@pytest.mark.parametrize("language", SERVER_ERROR)
def test_while_the_application_does_not_run(website: WebSite, guest: Browser, language: str):
    with stopped(website.site):
        for path in ("postorius/lists/?while=stopped", "accounts/login/"):
            for cookie in ("", "sessionid=member"):
                page = guest.get(f"/mailman3/{path}", **{"Accept-Language": language, "Cookie": cookie})
                assert page.status == 502
                assert_for_people(page, language)
                assert heading(page) == SERVER_ERROR[language]
                assert int(page.headers["Retry-After"]) > 0
        assert guest.get("/").status == 200


def test_while_the_site_moves_it_can_only_be_read(website: WebSite, guest: Browser):
    """What `listkit backup final` has the web server do; tests/e2e/test_move_host.py moves a site."""
    website.site.web.run("touch /var/lib/listkit/read-only")
    try:
        for path in ("accounts/login/", "hyperkitty/"):
            assert guest.get(f"/mailman3/{path}").status == 200
        login = guest.get("/mailman3/accounts/login/")
        page = guest.submit(login, login="x", password="x")
        assert page.status == 503
        assert_for_people(page, "en")
        assert int(page.headers["Retry-After"]) > 0
    finally:
        website.site.web.run("rm /var/lib/listkit/read-only")
    assert submit(guest, login, login="x", password="x").status == 200


@contextmanager
def stopped(site: Site) -> Iterator[None]:
    """Stop the application for a while."""
    site.web.run("systemctl stop mailman3-web")
    try:
        yield
    finally:
        site.web.run("systemctl start mailman3-web")
        browser = WebSite.of(site).browser()
        wait_for(
            "application",
            STARTED_WITHIN_SECONDS,
            lambda: browser.get("/mailman3/accounts/login/"),
            lambda page: page.status == 200,
        )


@pytest.mark.parametrize("language", ["hy", "ky", "nn", "tg", "uz", "zh-CN", "zh-TW", "nb-NO", "tlh", "*"])
def test_every_language_that_a_browser_asks_for_gets_the_application_s_pages(guest: Browser, language: str):
    assert guest.get("/mailman3/accounts/login/", **{"Accept-Language": language}).status == 200


def test_chinese_is_chinese(guest: Browser):
    page = guest.get("/mailman3/postorius/lists/", **{"Accept-Language": "zh-CN,zh;q=0.9"})
    assert "邮件列表" in page.text
