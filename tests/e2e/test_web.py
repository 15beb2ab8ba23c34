"""The web interface over HTTP: what guests, members and the superuser get, and what they must not get.

Needs a deployed host of a lab, named by the environment: `LISTKIT_LAB`, `LISTKIT_HOST`; what it was deployed with in
`LISTKIT_FQDN`, `LISTKIT_DOMAIN`, `LISTKIT_SUPERUSER`, `LISTKIT_PASSWORD`.
"""

from __future__ import annotations

import http.client
import os
import secrets
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from e2e.browser import Browser, Page, first, hosts_of
from lab import Lab

ARCHIVED_WITHIN_SECONDS = 30
SEARCHABLE_WITHIN_SECONDS = 60


@dataclass(frozen=True)
class Site:
    """A deployed host and what it was deployed with."""

    host: object
    fqdn: str
    domain: str
    superuser: str
    password: str
    certificate: str

    def browser(self) -> Browser:
        """Return a browser that has never been here."""
        return Browser(self.fqdn, self.host.address, self.certificate)

    def rest(self, method: str, path: str, **fields: str) -> str:
        """Call Mailman core's REST API on the host."""
        script = textwrap.dedent(
            """
            import base64, pathlib, sys, urllib.parse, urllib.request
            method, path, fields = sys.argv[1:]
            password = pathlib.Path("/etc/listkit/secrets/rest_password").read_text().strip()
            login = base64.b64encode(f"restadmin:{password}".encode()).decode()
            data = fields.encode() or None
            headers = {"Authorization": f"Basic {login}"}
            request = urllib.request.Request("http://127.0.0.1:8001/3.1/" + path, data, headers, method=method)
            print(urllib.request.urlopen(request).read().decode())
            """
        )
        data = "&".join(f"{name}={value}" for name, value in fields.items())
        return self.host.run(f"python3 - {method} '{path}' '{data}'", stdin=script)

    def post(self, mailing_list: str, subject: str, body: str, attachment: str = "") -> None:
        """Have Mailman take a post for `mailing_list`, as the bridge hands it over."""
        script = textwrap.dedent(
            """
            import smtplib, sys, email.message, email.utils
            address, subject, body, attachment = sys.argv[1:]
            message = email.message.EmailMessage()
            message["From"], message["To"], message["Subject"] = "Bo <bo@example.com>", address, subject
            message["Message-ID"], message["Date"] = email.utils.make_msgid(), email.utils.formatdate()
            message.set_content(body)
            if attachment:
                message.add_attachment(attachment.encode(), maintype="text", subtype="html", filename="page.html")
            with smtplib.LMTP("127.0.0.1", 8024) as lmtp:
                lmtp.send_message(message, "bo@example.com", [address])
            """
        )
        self.host.run(f"python3 - {mailing_list} '{subject}' '{body}' '{attachment}'", stdin=script)


@pytest.fixture(scope="session")
def site() -> Site:
    """The host under test."""
    wanted = ("LAB", "HOST", "FQDN", "DOMAIN", "SUPERUSER", "PASSWORD")
    lab, host, fqdn, domain, superuser, password = (os.environ[f"LISTKIT_{name}"] for name in wanted)
    machine = Lab.load(lab).host(host)
    certificate = machine.run("cat /var/lib/listkit/certificate/live/fullchain.pem")
    return Site(machine, fqdn, domain, superuser, password, certificate)


@pytest.fixture
def guest(site: Site) -> Browser:
    """Somebody who isn't logged in."""
    return site.browser()


@pytest.fixture(scope="session")
def superuser(site: Site) -> Browser:
    """The superuser, logged in."""
    browser = site.browser()
    page = browser.log_in(site.superuser, site.password)
    assert page.url.startswith(browser.url("/mailman3/postorius/lists/")), page.text
    return browser


def make_list(site: Site, **settings: str) -> Iterator[str]:
    name = f"t{secrets.token_hex(4)}@{site.domain}"
    if f'"{site.domain}"' not in site.rest("GET", "domains"):
        site.rest("POST", "domains", mail_host=site.domain)
    site.rest("POST", "lists", fqdn_listname=name)
    site.rest("PATCH", f"lists/{name}/config", default_nonmember_action="accept", **settings)
    yield name
    site.rest("DELETE", f"lists/{name}")


@pytest.fixture
def public_list(site: Site) -> Iterator[str]:
    """A list whose archive everybody may read."""
    yield from make_list(site, archive_policy="public")


@pytest.fixture
def private_list(site: Site) -> Iterator[str]:
    """A list whose archive only members may read."""
    yield from make_list(site, archive_policy="private")


def wait_for(what: str, seconds: float, look: Callable[[], Page], well: Callable[[Page], bool]) -> Page:
    deadline = time.monotonic() + seconds
    while not well(page := look()):
        assert time.monotonic() < deadline, f"no {what} within {seconds} s: HTTP {page.status}\n{page.text[:2000]}"
        time.sleep(0.5)
    return page


def archived(browser: Browser, mailing_list: str, subject: str) -> Page:
    """Wait for the post called `subject` in the archive and return its thread's page."""
    month = f"/mailman3/hyperkitty/list/{mailing_list}/latest"
    page = wait_for(
        f"post {subject}", ARCHIVED_WITHIN_SECONDS, lambda: browser.get(month), lambda page: subject in page.text
    )
    thread = first(rf'href="(/mailman3/hyperkitty/list/{mailing_list}/thread/[^/"]+/)', page.text)
    return browser.get(thread)


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

    def test_a_form_without_its_token_is_refused(self, guest: Browser, site: Site):
        guest.get("/mailman3/accounts/login/")
        page = guest.post("/mailman3/accounts/login/", {"login": site.superuser, "password": site.password})
        assert page.status == 403

    def test_a_wrong_password_lets_nobody_in(self, guest: Browser, site: Site):
        assert "/accounts/login" in guest.log_in(f"x{secrets.token_hex(4)}", "wrong").url

    def test_passwords_can_not_be_tried_quickly(self, site: Site):
        browser, name = site.browser(), f"x{secrets.token_hex(4)}"
        page = browser.get("/mailman3/accounts/login/")
        statuses = [browser.submit(page, login=name, password=f"wrong {n}").status for n in range(25)]
        assert 429 in statuses
        # The rate is by address: the tests that follow come from the same one.
        wait_for(
            "new attempt",
            90,
            lambda: browser.submit(page, login=name, password="wrong"),
            lambda page: page.status != 429,
        )


class TestTheArchive:
    def test_a_post_is_archived_and_found(self, site: Site, guest: Browser, public_list: str):
        word = f"quince{secrets.token_hex(4)}"
        site.post(public_list, f"About {word}", f"The body says {word}.")
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

    def test_a_private_archive_is_private(self, site: Site, guest: Browser, superuser: Browser, private_list: str):
        word = f"secret{secrets.token_hex(4)}"
        site.post(private_list, f"About {word}", f"The body says {word}.", f"<script>{word}</script>")
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

    def test_an_attachment_runs_nothing(self, site: Site, guest: Browser, public_list: str):
        site.post(public_list, "With a page", "See there.", "<script>alert(1)</script>")
        thread = archived(guest, public_list, "With a page")
        attachment = first(r'href="(/mailman3/[^"]+/attachment/[^"]+)"', thread.text)
        page = guest.get(attachment)
        assert page.status == 200
        assert "sandbox" in page.headers["Content-Security-Policy"]

    def test_guests_share_a_page_and_members_do_not(
        self, site: Site, guest: Browser, superuser: Browser, public_list: str
    ):
        site.post(public_list, "Shared", "Text.")
        archived(guest, public_list, "Shared")
        path = f"/mailman3/hyperkitty/list/{public_list}/latest"
        guest.get(path)
        assert guest.get(path).headers["X-Cache-Status"] == "HIT"
        assert superuser.get(path).headers["X-Cache-Status"] is None
        assert not list(guest.cookies), "a cookie from a shared page is shared too"
        assert "accounts/logout" not in site.browser().get(path).text

    def test_a_crawler_is_slowed_down(self, site: Site):
        def search(number: int) -> int:
            return site.browser().get(f"/mailman3/hyperkitty/search?q=crawl{number}").status

        with ThreadPoolExecutor(40) as crawler:
            assert 429 in crawler.map(search, range(80))
