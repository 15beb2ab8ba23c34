"""The web interface over HTTP: what guests, members and the superuser get, and what they must not get."""

from __future__ import annotations

import base64
import gzip
import http.client
import secrets
import shlex
from collections.abc import Iterator

import pytest

from deployment import ADMIN_PASSWORD, ADMIN_USER, LISTS, Deployment, Site
from e2e import playbook
from e2e.browser import Browser, Page, first, hosts_of
from e2e.mailing import MailingList, person
from e2e.website import (
    ARCHIVED_WITHIN_SECONDS,
    SEARCHABLE_WITHIN_SECONDS,
    WebSite,
    archived,
    archiving,
    confirm,
    in_django,
    log_in,
    mailed_link,
    submit,
    wait_for,
)
from infomaniak import compose

_FILL_A_CACHE = """
def act():
    import random, tempfile
    from django.core.cache.backends.filebased import FileBasedCache
    random.seed(1)
    with tempfile.TemporaryDirectory() as folder:
        cache, looks = FileBasedCache(folder, {"OPTIONS": {"MAX_ENTRIES": 100}}), []
        files = cache._list_cache_files
        cache._list_cache_files = lambda: looks.append(1) or files()
        for number in range(3000):
            cache.set(str(number), number)
        return [len(looks), len(files())]
"""
CRAWLERS = 100
STILL_SECONDS = 15
SHARED_SECONDS = 15
"""How long guests may see a page that is out of date, and a little more."""

# By the listener for Mailman's core, where the web server has no say about names.
_ASK_APPLICATION = """
import http.client, sys
for name in sys.argv[1:]:
    connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=60)
    connection.request("GET", "/mailman3/hyperkitty/", headers={"Host": name})
    print(connection.getresponse().status)
"""


@pytest.fixture
def site(website: WebSite) -> Site:
    """Its host."""
    return website.site


@pytest.fixture
def guest(website: WebSite) -> Browser:
    """Somebody who isn't logged in."""
    return website.browser()


@pytest.fixture
def private_list(website: WebSite, mailing_list: MailingList) -> Iterator[str]:
    """The address of a list whose archive only members may read."""
    with archiving(website, mailing_list, "private") as address:
        yield address


def post(website: WebSite, address: str, subject: str, body: str, attachment: str = "") -> None:
    """Post to a list; the attachment is an HTML page."""
    message = compose("bo@example.com", address, subject, f"{body}\n")
    if attachment:
        message.add_attachment(attachment.encode(), maintype="text", subtype="html", filename="page.html")
    website.deliver(message)


class TestTheServer:
    @pytest.mark.parametrize("path", ["/", "/mailman3/postorius/lists/?x=1"])
    def test_plain_http_only_redirects(self, site: Site, path: str):
        connection = http.client.HTTPConnection(site.web.address, 80, timeout=10)
        connection.request("GET", path, headers={"Host": site.fqdn})
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Location"]) == (301, f"https://{site.fqdn}{path}")

    def test_a_redirect_never_leads_to_a_name_that_the_client_made_up(self, site: Site):
        connection = http.client.HTTPConnection(site.web.address, 80, timeout=10)
        connection.request("GET", "/", headers={"Host": "evil.example"})
        assert connection.getresponse().headers["Location"] == f"https://{site.fqdn}/"

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

    @pytest.mark.split
    def test_another_name_is_none_of_the_application_s(self, site: Site):
        asked = ("127.0.0.1", "evil.example")
        assert site.web.run(shlex.join(["python3", "-c", _ASK_APPLICATION, *asked])).split() == ["200", "400"]

    def test_security_headers(self, guest: Browser):
        static = "/mailman3/static/postorius/css/style.css"
        cached = f"/mailman3/hyperkitty/?{secrets.token_hex(4)}"
        for path in ("/mailman3/accounts/login/", "/mailman3/nothing", "/robots.txt", static, cached, cached):
            page = guest.get(path)
            assert page.headers.get_all("X-Content-Type-Options") == ["nosniff"], path
            assert page.headers.get_all("X-Frame-Options") == ["DENY"], path
            assert page.headers.get_all("Referrer-Policy") == ["same-origin"], path
            assert "camera=()" in page.headers["Permissions-Policy"], path
            assert "object-src 'none'" in page.headers["Content-Security-Policy"], path
        assert page.headers["X-Cache-Status"] == "HIT"

    @pytest.mark.split
    @pytest.mark.parametrize("path", ["hyperkitty/api/mailman/urls", "postorius/api/templates/list/x/y"])
    def test_what_is_for_core_alone_is_not_there_for_others(self, guest: Browser, path: str):
        assert guest.get(f"/mailman3/{path}").status == 404

    def test_the_list_of_tags_names_no_private_threads(self, guest: Browser, superuser: Browser):
        for browser in (guest, superuser):
            assert browser.get("/mailman3/hyperkitty/api/tags/?format=json").status == 404

    def test_static_files_may_be_kept(self, guest: Browser):
        files = {
            url.partition("?")[0]: guest.get(url, **{"Accept-Encoding": "gzip"}).headers
            for path in ("postorius/lists/", "hyperkitty/", "accounts/login/")
            for url in guest.get(f"/mailman3/{path}").loaded
            if "/static/" in url
        }
        assert any("/static/CACHE/" in url for url in files)
        for url, headers in files.items():
            # What has a hash of its content in its name never changes.
            kept = "31536000, immutable" if "/static/CACHE/" in url else "86400"
            assert headers["Cache-Control"] == f"public, max-age={kept}", url
            if url.endswith((".css", ".js", ".svg")):
                assert headers["Content-Encoding"] == "gzip", url
                assert "Accept-Encoding" in headers["Vary"], url


@pytest.mark.every_release("web")
class TestAccounts:
    def test_the_superuser_logs_in_and_is_one(self, superuser: Browser):
        assert "/mailman3/postorius/domains/" in superuser.get("/mailman3/postorius/lists/").text
        assert superuser.get("/mailman3/admin/").url == superuser.url("/mailman3/admin/")

    def test_the_administration_has_the_login_of_all_other_pages(self, guest: Browser):
        asked = guest.get("/mailman3/admin/")
        assert asked.url == guest.url("/mailman3/accounts/login/?next=/mailman3/admin/")
        page = submit(guest, asked, login=ADMIN_USER, password=ADMIN_PASSWORD)
        assert (page.status, page.url) == (200, guest.url("/mailman3/admin/"))

    def test_the_archive_s_api_can_not_tell_a_right_password_from_a_wrong_one(self, guest: Browser):
        for password in (ADMIN_PASSWORD, "wrong"):
            word = base64.b64encode(f"{ADMIN_USER}:{password}".encode()).decode()
            page = guest.get("/mailman3/hyperkitty/api/lists/?format=json", Authorization=f"Basic {word}")
            assert page.status == 200

    def test_cookies_travel_by_tls_and_to_us_only(self, superuser: Browser):
        for cookie in superuser.cookies:
            assert cookie.secure, cookie
            assert cookie.path.startswith("/mailman3/"), cookie

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
        submit(guest, sign_up, email=address, password1=password, password2=password)
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


def logged_in(website: WebSite, name: str, password: str) -> Browser | None:
    """Return a browser in which this user is logged in, or nothing when the host lets them not in."""
    browser = website.browser()
    page = log_in(browser, name, password)
    return None if "/accounts/login" in page.url else browser


@pytest.mark.every_release("web")
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

    @pytest.mark.split
    def test_a_private_archive_is_private(
        self, website: WebSite, guest: Browser, superuser: Browser, private_list: str
    ):
        word = f"secret{secrets.token_hex(4)}"
        post(website, private_list, f"About {word}", f"The body says {word}.", f"<script>{word}</script>")
        thread = archived(superuser, private_list, f"About {word}")
        archive = f"/mailman3/hyperkitty/list/{private_list}"
        attachment = first(rf'href="({archive}/message/[^"]+/attachment/[^"]+)"', thread.text)
        search = f"/mailman3/hyperkitty/search?mlist={private_list}&q={word}"
        telling = [
            thread.url,
            attachment.partition("attachment/")[0],
            attachment,
            f"{archive}/latest",
            f"{archive}/feed/",
            f"{archive}/recent-threads",
            f"{archive}/export/x.mbox.gz?start=2000-01-01&end=2100-01-01",
            search,
        ]
        wait_for(
            "search result",
            SEARCHABLE_WITHIN_SECONDS,
            lambda: superuser.get(search),
            lambda page: f"About {word}" in page.text,
        )
        # Members first, and guests twice: a cache that had kept the member's page would hand it out now.
        assert [path for path in telling if word not in told(superuser.get(path), word)] == []
        message_id = attachment.partition("/message/")[2].partition("/")[0]
        thread_id = thread.url.partition("/thread/")[2].strip("/")
        ours = ("emails", "threads", f"email/{message_id}", f"thread/{thread_id}", f"thread/{thread_id}/emails")
        api = [f"/mailman3/hyperkitty/api/list/{private_list}/{what}/?format=json" for what in ours]
        assert [path for path in api if superuser.get(path).status != 200] == []
        others = [
            f"{archive}/{what}"
            for what in ("", "recent-activity", "top-threads", "top-posters", f"thread/{thread_id}/replies")
        ]
        for path in [*telling, *others, *api] * 2:
            page = guest.get(path)
            assert page.status in (403, 404), path
            assert word not in told(page, word), path
        page = guest.get(f"/mailman3/hyperkitty/search?q={word}")
        assert page.status == 200
        assert word not in told(page, word)

    def test_a_picture_of_activity_is_as_private_as_its_list(
        self, website: WebSite, mailing_list: MailingList, guest: Browser, public_list: str
    ):
        post(website, public_list, "Seen by all", "Text.")
        archived(guest, public_list, "Seen by all")
        path = f"/mailman3/hyperkitty/list/{public_list}/recent-activity"
        assert guest.get(path).status == 200
        mailing_list.configure(archive_policy="private")
        website.site.web.run("listkit web sync")
        wait_for("refusal", SHARED_SECONDS, lambda: guest.get(path), lambda page: page.status == 403)

    def test_an_archive_that_the_playbook_makes_private_is_private_at_once(
        self, deployment: Deployment, release: str, website: WebSite, guest: Browser
    ):
        address = website.site.address(LISTS[0]["name"])
        first_list, *others = LISTS
        private = {**first_list, "settings": {"archive_policy": "private"}}
        public = {**first_list, "settings": {"archive_policy": "public"}}
        try:
            playbook.deploy(deployment, release, "--tags", "lists", mailman_lists=[private, *others])
            # Never seen before, so that no cache can know it.
            page = guest.get(f"/mailman3/hyperkitty/list/{address}/?{secrets.token_hex(4)}")
            assert page.status == 403
        finally:
            playbook.deploy(deployment, release, "--tags", "lists", mailman_lists=[public, *others])
        assert guest.get(f"/mailman3/hyperkitty/list/{address}/?{secrets.token_hex(4)}").status == 200

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
        # An address that nobody has asked for: what is in the cache already may run out between the two.
        path = f"/mailman3/hyperkitty/list/{public_list}/latest?{secrets.token_hex(4)}"
        guest.get(path)
        assert guest.get(path).headers["X-Cache-Status"] == "HIT"
        assert superuser.get(path).headers["X-Cache-Status"] is None
        assert not list(guest.cookies), "a cookie from a shared page is shared too"
        assert "accounts/logout" not in website.browser().get(path).text

    def test_a_crawler_gets_the_whole_thread_and_a_browser_does_not(
        self, website: WebSite, guest: Browser, public_list: str
    ):
        question = compose("bo@example.com", public_list, "Medlars", "A question.\n")
        website.deliver(question)
        thread = archived(guest, public_list, "Medlars").url
        answer = compose(
            "bo@example.com", public_list, "Re: Medlars", "An answer.\n", In_Reply_To=question["Message-ID"]
        )
        website.deliver(answer)
        crawler, browser = "Mozilla/5.0 (compatible; Googlebot/2.1)", "Mozilla/5.0 Firefox/128.0"
        page = wait_for(
            "answer",
            ARCHIVED_WITHIN_SECONDS,
            lambda: guest.get(f"{thread}?{secrets.token_hex(4)}", **{"User-Agent": crawler}),
            lambda page: "An answer." in page.text,
        )
        # Its script loads the answer, and would show it a second time.
        assert "An answer." not in guest.get(page.url, **{"User-Agent": browser}).text
        assert "An answer." in guest.get(page.url, **{"User-Agent": crawler}).text


@pytest.mark.every_release("web")
class TestTheCache:
    def test_makes_room_without_looking_through_itself_each_time(self, website: WebSite):
        looks, left = in_django(website, _FILL_A_CACHE)
        assert 0 < looks < 30
        assert left < 2000


class TestACrawl:
    @pytest.mark.parametrize(
        "page",
        [
            "hyperkitty/search?q=crawl",
            "hyperkitty/list/members@example.org/thread/",
            "hyperkitty/api/lists/?format=json&",
        ],
    )
    def test_is_slowed_down(self, website: WebSite, page: str):
        assert 429 in crawl(website.stranger(), page)

    @pytest.mark.parametrize(
        "page", ["hyperkitty/search?q=", "hyperkitty/api/lists/?format=json&", "accounts/login/?next="]
    )
    def test_with_a_made_up_cookie_is_slowed_down(self, website: WebSite, page: str):
        assert 429 in crawl(website.stranger(), page, Cookie="sessionid=made-up")

    def test_of_the_login_page_waits_in_no_endless_queue(self, website: WebSite):
        # The pages are quick: for a queue their process has to stand still.
        signal, stranger = "pkill --full '^uWSGI worker 2$' --signal", website.stranger()
        website.site.web.run(f"{signal} STOP; (sleep {STILL_SECONDS}; {signal} CONT) > /dev/null 2>&1 &")
        assert crawl(stranger, "accounts/login/?next=") == {200, 503}


def crawl(browser: Browser, page: str, **headers: str) -> set[int]:
    """Ask for many pages at once that nobody has asked for; return the statuses."""
    pages = [f"/mailman3/{page}{secrets.token_hex(4)}" for _ in range(CRAWLERS)]
    return set(browser.get_at_once(pages, **headers))


def told(page: Page, word: str) -> str:
    """What a page says, unpacked; without the word that was searched for, which it repeats."""
    body = gzip.decompress(page.body) if page.headers["Content-Type"] == "application/gzip" else page.body
    return body.decode().replace(f'"{word}"', "").replace(f"q={word}", "")
