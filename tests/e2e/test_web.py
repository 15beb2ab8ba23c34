"""The web interface over HTTP: what guests, members and the superuser get, and what they must not get."""

from __future__ import annotations

import http.client
import re
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from deployment import ADMIN_PASSWORD, ADMIN_USER, Deployment, Site
from e2e.browser import Browser, first, hosts_of
from e2e.mailing import MailingList, person
from e2e.website import (
    SEARCHABLE_WITHIN_SECONDS,
    WebSite,
    archived,
    confirm,
    log_in,
    remove_archive,
    submit,
    wait_for,
)
from infomaniak import compose

MAILED_WITHIN_SECONDS = 120


@pytest.fixture(scope="module")
def website(deployment: Deployment, release: str) -> WebSite:
    """The web interface under test."""
    return WebSite.of(deployment.sites[release])


@pytest.fixture
def site(website: WebSite) -> Site:
    """Its host."""
    return website.site


@pytest.fixture
def guest(website: WebSite) -> Browser:
    """Somebody who isn't logged in."""
    return website.browser()


@pytest.fixture(scope="module")
def superuser(website: WebSite) -> Browser:
    """The superuser, logged in."""
    return website.superuser()


@pytest.fixture
def public_list(mailing_list: MailingList, superuser: Browser) -> Iterator[str]:
    """The address of a list whose archive everybody may read."""
    mailing_list.configure(archive_policy="public", default_nonmember_action="accept")
    yield mailing_list.address
    remove_archive(superuser, mailing_list.address)


@pytest.fixture
def private_list(mailing_list: MailingList, superuser: Browser) -> Iterator[str]:
    """The address of a list whose archive only members may read."""
    mailing_list.configure(archive_policy="private", default_nonmember_action="accept")
    yield mailing_list.address
    remove_archive(superuser, mailing_list.address)


def post(website: WebSite, address: str, subject: str, body: str, attachment: str = "") -> None:
    """Post to a list; the attachment is an HTML page."""
    message = compose("bo@example.com", address, subject, f"{body}\n")
    if attachment:
        message.add_attachment(attachment.encode(), maintype="text", subtype="html", filename="page.html")
    website.deliver(message)


class TestTheServer:
    @pytest.mark.parametrize("path", ["/", "/mailman3/postorius/lists/?x=1"])
    def test_plain_http_only_redirects(self, site: Site, path: str):
        connection = http.client.HTTPConnection(site.host.address, 80, timeout=10)
        connection.request("GET", path, headers={"Host": site.fqdn})
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Location"]) == (301, f"https://{site.fqdn}{path}")

    def test_a_redirect_never_leads_to_a_name_that_the_client_made_up(self, site: Site):
        connection = http.client.HTTPConnection(site.host.address, 80, timeout=10)
        connection.request("GET", "/", headers={"Host": "evil.example"})
        assert connection.getresponse().headers["Location"] == f"https://{site.fqdn}/"

    def test_the_root_leads_to_the_lists(self, guest: Browser):
        page = guest.get("/")
        assert (page.status, page.url) == (200, guest.url("/mailman3/postorius/lists/"))

    @pytest.mark.parametrize("path", ["postorius/lists/", "hyperkitty/", "accounts/login/", "accounts/signup/"])
    def test_a_page_loads_nothing_from_elsewhere(self, guest: Browser, site: Site, path: str):
        page = guest.get(f"/mailman3/{path}")
        assert page.status == 200
        assert hosts_of(page.loaded) == {site.fqdn}
        assert [url for url in page.loaded if guest.get(url).status != 200] == []

    def test_links_stay_below_the_prefix(self, guest: Browser, site: Site):
        page = guest.get("/mailman3/postorius/lists/")
        ours = [url for url in page.links if url.startswith(f"https://{site.fqdn}/")]
        assert [url for url in ours if not url.startswith(f"https://{site.fqdn}/mailman3/")] == []

    def test_security_headers(self, guest: Browser):
        for path in ("/mailman3/postorius/lists/", "/mailman3/nothing", "/robots.txt"):
            headers = guest.get(path).headers
            assert headers.get_all("X-Content-Type-Options") == ["nosniff"], path
            assert headers.get_all("X-Frame-Options") == ["DENY"], path
            assert headers.get_all("Referrer-Policy") == ["same-origin"], path
            assert "object-src 'none'" in headers["Content-Security-Policy"], path

    @pytest.mark.parametrize("path", ["hyperkitty/api/mailman/urls", "postorius/api/templates/list/x/y"])
    def test_what_is_for_core_alone_is_not_there_for_others(self, guest: Browser, path: str):
        assert guest.get(f"/mailman3/{path}").status == 404

    def test_static_files_may_be_kept(self, guest: Browser):
        page = guest.get("/mailman3/hyperkitty/")
        sheet = next(url for url in page.loaded if "/static/CACHE/" in url and ".css" in url)
        headers = guest.get(sheet, **{"Accept-Encoding": "gzip"}).headers
        assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert headers["Content-Encoding"] == "gzip"


class TestAccounts:
    def test_the_superuser_logs_in_and_is_one(self, superuser: Browser):
        assert "/mailman3/postorius/domains/" in superuser.get("/mailman3/postorius/lists/").text
        assert superuser.get("/mailman3/admin/").url == superuser.url("/mailman3/admin/")

    def test_cookies_travel_by_tls_and_to_us_only(self, superuser: Browser):
        for cookie in superuser.cookies:
            assert cookie.secure, cookie
            assert cookie.path == "/mailman3/", cookie

    def test_a_form_without_its_token_is_refused(self, guest: Browser):
        guest.get("/mailman3/accounts/login/")
        page = guest.post("/mailman3/accounts/login/", {"login": ADMIN_USER, "password": ADMIN_PASSWORD})
        assert page.status == 403

    def test_a_wrong_password_lets_nobody_in(self, guest: Browser):
        assert "/accounts/login" in log_in(guest, f"x{secrets.token_hex(4)}", "wrong").url

    def test_passwords_can_not_be_tried_quickly(self, website: WebSite):
        browser, name = website.stranger(), f"x{secrets.token_hex(4)}"
        page = browser.get("/mailman3/accounts/login/")
        assert 429 in (browser.submit(page, login=name, password=f"wrong {n}").status for n in range(25))

    def test_a_new_account_and_a_forgotten_password(self, deployment: Deployment, website: WebSite, guest: Browser):
        address, password, another = person("new"), secrets.token_urlsafe(12), secrets.token_urlsafe(12)
        name = address.partition("@")[0]
        sign_up = guest.get("/mailman3/accounts/signup/")
        submit(guest, sign_up, username=name, email=address, password1=password, password2=password)
        confirm(guest, guest.get(mailed_link(deployment, website, address, "accounts/confirm-email/")))
        assert logged_in(website, name, password)

        forgetful = website.browser()
        submit(forgetful, forgetful.get("/mailman3/accounts/password/reset/"), email=address)
        choose = forgetful.get(mailed_link(deployment, website, address, "accounts/password/reset/key/"))
        submit(forgetful, choose, password1=another, password2=another)
        assert not logged_in(website, name, password)
        owner = logged_in(website, name, another)
        assert owner
        confirm(owner, owner.get("/mailman3/user-profile/delete"))
        assert not logged_in(website, name, another)


def mailed_link(deployment: Deployment, website: WebSite, address: str, path: str) -> str:
    """Wait for a mail with a link to `path` on the host, and return the link."""
    link = re.compile(rf"https://{re.escape(website.site.fqdn)}/mailman3/{path}\S+")
    mail = deployment.stand_in.wait_for_mail(address, MAILED_WITHIN_SECONDS, lambda mail: link.search(mail.text))
    assert "dmarc=pass" in mail.verdicts, mail.verdicts
    return link.search(mail.text)[0]


def logged_in(website: WebSite, name: str, password: str) -> Browser | None:
    """Return a browser in which this user is logged in, or nothing when the host lets them not in."""
    browser = website.browser()
    page = log_in(browser, name, password)
    return None if "/accounts/login" in page.url else browser


class TestTheArchive:
    def test_a_post_is_archived_and_found(self, website: WebSite, guest: Browser, public_list: str):
        word = f"quince{secrets.token_hex(4)}"
        post(website, public_list, f"About {word}", f"The body says {word}.")
        assert f"The body says {word}" in archived(guest, public_list, f"About {word}").text
        search = f"/mailman3/hyperkitty/search?q={word}"
        wait_for(
            "search result",
            SEARCHABLE_WITHIN_SECONDS,
            lambda: guest.get(search),
            lambda page: f"About {word}" in page.text,
        )

    def test_a_search_that_finds_nothing_is_no_error(self, guest: Browser):
        assert guest.get(f"/mailman3/hyperkitty/search?q=x{secrets.token_hex(4)}").status == 200

    def test_a_private_archive_is_private(
        self, website: WebSite, guest: Browser, superuser: Browser, private_list: str
    ):
        word = f"secret{secrets.token_hex(4)}"
        post(website, private_list, f"About {word}", f"The body says {word}.", f"<script>{word}</script>")
        thread = archived(superuser, private_list, f"About {word}")
        archive = f"/mailman3/hyperkitty/list/{private_list}"
        attachment = first(rf'href="({archive}/message/[^"]+/attachment/[^"]+)"', thread.text)
        message = attachment.partition("attachment/")[0]
        assert word in superuser.get(attachment).text
        # Twice: a cache that had kept the member's page would hand it out now.
        for path in [
            thread.url,
            message,
            attachment,
            f"{archive}/",
            f"{archive}/latest",
            f"{archive}/feed/",
            f"{archive}/recent-threads",
            f"{archive}/export/x.mbox.gz?start=2000-01-01&end=2100-01-01",
            f"/mailman3/hyperkitty/search?q={word}",
            f"/mailman3/hyperkitty/search?mlist={private_list}&q={word}",
            f"/mailman3/hyperkitty/api/list/{private_list}/emails/?format=json",
        ] * 2:
            page = guest.get(path)
            told = page.body.replace(f'value="{word}"'.encode(), b"").replace(f"q={word}".encode(), b"")
            assert f"About {word}".encode() not in page.body, path
            assert f"says {word}".encode() not in told, path

    def test_an_attachment_runs_nothing(self, website: WebSite, guest: Browser, public_list: str):
        post(website, public_list, "With a page", "See there.", "<script>alert(1)</script>")
        thread = archived(guest, public_list, "With a page")
        attachment = first(r'href="(/mailman3/[^"]+/attachment/[^"]+)"', thread.text)
        page = guest.get(attachment)
        assert page.status == 200
        assert "sandbox" in page.headers["Content-Security-Policy"]

    def test_guests_share_a_page_and_members_do_not(
        self, website: WebSite, guest: Browser, superuser: Browser, public_list: str
    ):
        post(website, public_list, "Shared", "Text.")
        archived(guest, public_list, "Shared")
        path = f"/mailman3/hyperkitty/list/{public_list}/latest"
        guest.get(path)
        assert guest.get(path).headers["X-Cache-Status"] == "HIT"
        assert superuser.get(path).headers["X-Cache-Status"] is None
        assert not list(guest.cookies), "a cookie from a shared page is shared too"
        assert "accounts/logout" not in website.browser().get(path).text

    def test_a_crawler_is_slowed_down(self, website: WebSite):
        stranger = website.stranger()

        def search(number: int) -> int:
            return stranger.get(f"/mailman3/hyperkitty/search?q=crawl{number}").status

        with ThreadPoolExecutor(40) as crawler:
            assert 429 in crawler.map(search, range(80))
