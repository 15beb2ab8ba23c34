"""The web interface in a real browser: a new member's visit, a moderator's, and pages that fit the screen.

`make screenshots` renews the pictures in `docs/images/`.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime, localtime
from pathlib import Path
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response, sync_playwright

from deployment import ADMIN_PASSWORD, ADMIN_USER, ORGANISATION, Deployment, Site
from e2e import playbook
from e2e.mailing import MailingList, person
from e2e.website import (
    ARCHIVED_WITHIN_SECONDS,
    RATE_SECONDS,
    SEARCHABLE_WITHIN_SECONDS,
    WebSite,
    archived,
    import_mbox,
    mailed_link,
    removing_archive,
)
from infomaniak import compose
from lab.commands import wait_for

pytestmark = pytest.mark.every_release("web")

PATIENCE_MS = 60_000
PERSON_MS = 2500
"""How long a person takes to fill in a form that robots may not send."""
TOO_MANY = 429
SUBSCRIBED_WITHIN_SECONDS = 120
SCREENS = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
POSTS = (
    (23, "Lea Brunner", "The new apple trees", "Six of them arrive in the first week of the month.\n"),
    (22, "Marta Keller", "Re: The new apple trees", "Which sorts did we choose in the end?\n"),
    (22, "Lea Brunner", "Re: The new apple trees", "Two Boskoop, two Gravensteiner, two Berner Rosen.\n"),
    (15, "Jonas Frei", "Minutes of the meeting", "The shed gets a new roof; the fee stays what it was.\n"),
    (9, "Samuel Roth", "Swap of seeds in the library", "Beans and kale from me. Has anybody got black salsify?\n"),
    (8, "Jonas Frei", "Re: Swap of seeds in the library", "I have, a whole bag.\n"),
    (3, "Marta Keller", "Who brings what on Saturday?", "We begin at ten. I bring the long ladder and the saw.\n"),
    (2, "Jonas Frei", "Re: Who brings what on Saturday?", "> We begin at ten.\n\nSoup for everybody from me.\n"),
    (1, "Lea Brunner", "Re: Who brings what on Saturday?", "Gloves in all sizes. Shall I come earlier?\n"),
)
"""Days ago, name, subject and text of the posts in the pictures."""
PICTURED, LAST_WORDS = "Who brings what on Saturday?", "Gloves in all sizes"


TYPED = {
    "acceptable_aliases": "^friends@.*$",
    "accept_these_nonmembers": "^.*@example[.]com$",
    "autoresponse_grace_period": "90m",
    "bounce_info_stale_after": "8d",
    "bounce_you_are_disabled_warnings_interval": "9d",
    "discard_these_nonmembers": "^.*@example[.]net$",
    "dmarc_addresses": "^.*@example[.]edu$",
    "hold_these_nonmembers": "guest@example.org",
    "reject_these_nonmembers": "^eve@.*$",
    "reply_to_address": "replies@strict.test",
}
"""By name, what is typed into the fields of a list's settings that take only some texts."""


@dataclass
class Visit:
    """One browser window, and everything in it that a visitor shouldn't see."""

    page: Page
    origin: str
    problems: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, context: BrowserContext, fqdn: str) -> Visit:
        """Open a window."""
        visit = cls(context.new_page(), f"https://{fqdn}/")
        visit.page.on("request", visit._on_request)
        visit.page.on("response", visit._on_response)
        visit.page.on("console", visit._on_console)
        visit.page.on("pageerror", lambda error: visit.problems.append(f"script: {error}"))
        return visit

    def go(self, address: str) -> None:
        """Open a page, by its URL or by what follows `/mailman3/`, and wait until it has loaded all it loads."""
        self.page.goto(urljoin(f"{self.origin}mailman3/", address), wait_until="networkidle")

    def go_until(self, path: str, shown: Callable[[Page], bool], seconds: float) -> None:
        """Open a page again and again until it shows what is wanted."""

        def looks_right() -> bool:
            self.go(path)
            return shown(self.page)

        wait_for(looks_right, f"{path} to show what is wanted", seconds, every=0.5)

    def fill_in(self, address: str, **fields: str) -> None:
        """Fill in the form at `address`, and send it until the host doesn't say any more that too many were sent."""

        def taken() -> bool:
            self.go(address)
            before = len(self.problems)
            for name, value in fields.items():
                self.page.fill(f"form [name={name}]", value)
            if self.page.locator("form [name=moment]").count():
                self.page.wait_for_timeout(PERSON_MS)
            status = self.leave(lambda: self.page.press(f"form [name={name}]", "Enter"))
            if status == TOO_MANY:
                del self.problems[before:]
            return status != TOO_MANY

        wait_for(taken, f"the form at {address} to be taken", RATE_SECONDS, every=5)

    def click(self, button: str) -> None:
        """Click, and wait for the page that follows; again while the host says that too many forms were sent."""

        def taken() -> bool:
            before = len(self.problems)
            status = self.leave(lambda: self.page.locator(button).first.click())
            if status == TOO_MANY:
                del self.problems[before:]
                self.page.go_back(wait_until="networkidle")
            return status != TOO_MANY

        wait_for(taken, f"the click on {button} to be taken", RATE_SECONDS, every=5)

    def leave(self, act: Callable[[], None]) -> int:
        """Do what opens another page, wait until it has loaded all it loads, and return its status."""
        with self.page.expect_navigation(wait_until="networkidle") as navigation:
            act()
        return navigation.value.status

    def log_in(self, name: str = ADMIN_USER, password: str = ADMIN_PASSWORD) -> None:
        """Log in, as the first administrator unless it is somebody else."""
        self.fill_in("accounts/login/", login=name, password=password)
        assert "/accounts/login" not in self.page.url, self.page.inner_text("body")

    def log_out(self) -> None:
        """Log out."""
        self.go("accounts/logout/")
        self.click("form[action*=logout] [type=submit]")
        self.go("postorius/lists/")
        assert self.page.locator("a[href*='accounts/login']").count() > 0

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((self.origin, "data:", "blob:")):
            self.problems.append(f"left the host, or came without TLS: {request.url}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400:
            self.problems.append(f"HTTP {response.status}: {response.url}")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(f"console: {message.text} ({message.location.get('url')})")


@pytest.fixture(scope="module")
def site(deployment: Deployment, release: str) -> Site:
    """The host under test."""
    return deployment.sites[release]


@pytest.fixture(scope="module")
def chromium(deployment: Deployment, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """Debian's Chromium on another host's network; for it, the web consists of one host.

    On this machine's network, it would stop loading a page whenever an interface of another lab appears or disappears.
    """
    program = tmp_path_factory.mktemp("chromium") / "chromium"
    visitor = deployment.stand_in.strict
    program.write_text(f'#!/bin/sh\nexec nsenter --net={visitor.namespace} /usr/bin/chromium "$@"\n')
    program.chmod(0o700)
    rules = f"MAP {site.fqdn} {site.web.address}, MAP * ~NOTFOUND"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=[*QUIET, f"--host-resolver-rules={rules}"], timeout=PATIENCE_MS
        )
        yield browser
        browser.close()


@contextmanager
def visiting(chromium: Chromium, site: Site, screen: str) -> Iterator[Visit]:
    """A visit on that screen; nothing that happens in it may be a problem."""
    # The certificate of the test deployment is self-signed.
    context = chromium.new_context(viewport=SCREENS[screen], ignore_https_errors=True, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    context.set_default_navigation_timeout(PATIENCE_MS)
    try:
        visit = Visit.begin(context, site.fqdn)
        yield visit
        assert visit.problems == []
    finally:
        context.close()


def test_a_moderator_s_visit(chromium: Chromium, site: Site, mailing_list: MailingList):
    website, author, archive = WebSite.of(site), person("stranger"), f"hyperkitty/list/{mailing_list.address}/"
    mailing_list.configure(archive_policy="public", default_nonmember_action="hold")
    website.deliver(compose(author, mailing_list.address, "About medlars", "Bletted medlars taste of apples.\n"))
    wait_for(mailing_list.held, "the post to be held", ARCHIVED_WITHIN_SECONDS)
    with removing_archive(website, mailing_list.address), visiting(chromium, site, "desktop") as visit:
        page = visit.page
        visit.log_in()
        visit.go(f"postorius/lists/{mailing_list.name}.{site.domain}/held_messages")
        page.click("text=About medlars")
        modal = page.locator("#held-messages-modal")
        modal.locator("text=Bletted medlars").wait_for()
        visit.click("#held-messages-modal [name=accept]")
        assert mailing_list.held() == []

        archived(website.browser(), mailing_list.address, "About medlars")
        visit.go(f"{archive}latest")
        page.click("a:has-text('About medlars')")
        page.locator("text=Bletted medlars").first.wait_for()
        assert f"/{archive}thread/" in page.url

        visit.go_until(
            "hyperkitty/search?q=bletted",
            lambda page: page.locator("a:has-text('About medlars')").count() > 0,
            SEARCHABLE_WITHIN_SECONDS,
        )

        visit.log_out()


def test_a_list_made_in_the_browser_has_the_kit_s_settings(chromium: Chromium, deployment: Deployment, site: Site):
    made = MailingList(deployment, site, f"made-{secrets.token_hex(3)}")
    settings = f"postorius/lists/{made.name}.{site.domain}/settings"
    # HyperKitty makes an archive for it at once.
    with removing_archive(WebSite.of(site), made.address), visiting(chromium, site, "desktop") as visit:
        page = visit.page
        visit.log_in()
        visit.go("postorius/lists/new/")
        page.fill("[name=listname]", made.name)
        page.select_option("[name=mail_host]", site.domain)
        page.fill("[name=description]", "Made in the browser")
        visit.click("form[action*='lists/new'] [type=submit]")
        try:
            visit.go(f"{settings}/dmarc_mitigations")
            assert page.input_value("[name=dmarc_mitigate_action]") == "munge_from"
            assert chosen(page, "dmarc_mitigate_unconditionally") == "True"
            visit.go(f"{settings}/alter_messages")
            assert chosen(page, "reply_goes_to_list") == "point_to_list"
            assert chosen(page, "first_strip_reply_to") == "True"
        finally:
            made.rest("DELETE", f"lists/{made.address}")


def test_a_list_set_up_in_the_browser_is_declared_by_its_export(
    chromium: Chromium, deployment: Deployment, release: str, site: Site, mailing_list: MailingList, tmp_path: Path
):
    """Every setting that Postorius offers is changed; the declaration makes the same list where there is none."""
    reader, before, file = person("reader"), mailing_list.state(), tmp_path / "lists.yml"
    pages = f"postorius/lists/{mailing_list.name}.{site.domain}"
    changed = set()
    with visiting(chromium, site, "desktop") as visit:
        visit.log_in()
        visit.go(f"{pages}/settings/list_identity")
        links = visit.page.locator("[role=tablist].flex-column a").evaluate_all("links => links.map(link => link.href)")
        for link in links:
            visit.go(link)
            changed |= change_every_field(visit.page)
            visit.click("form.list_settings .btn-primary")
            assert visit.page.locator(".is-invalid, .has-error, .alert-danger").all_inner_texts() == []
        visit.fill_in(f"{pages}/bans", email="^.*@example[.]net$")
    mailing_list.add(reader, display_name="{{ reader }}")
    after = mailing_list.state()
    assert len(links) >= 9  # of Debian 12; Debian 13's Postorius has a section more
    assert {name for name in changed & set(after) if after[name] == before[name]} == set()

    export = {"export_file": str(file), "export_members": True}
    assert playbook.run(deployment, release, "playbooks/export_lists.yml", **export).returncode == 0
    declared = f"mailman_lists | selectattr('name', 'eq', '{mailing_list.name}') | list"
    lists = {"domain": site.domain, "lists": f"{{{{ lookup('listkit.kit.mailing_lists', {declared}) }}}}"}
    apply = {"listkit.mailman3.mailing_lists": {**lists, "templates_directory": "/var/lib/listkit/templates"}}
    output = playbook.run_tasks(
        deployment, release, tmp_path, {**apply, "register": "same"}, playbook.expectation("same is not changed"),
        variables=(file,),
    )  # fmt: skip
    assert "failed=0" in output, output
    mailing_list.rest("DELETE", f"lists/{mailing_list.address}")
    output = playbook.run_tasks(deployment, release, tmp_path, apply, variables=(file,))
    assert "failed=0" in output, output
    assert mailing_list.state() == after
    assert mailing_list.member(reader)["display_name"] == "{{ reader }}"


def change_every_field(page: Page) -> set[str]:
    """Give each field of a form of settings another value than it has; return the fields' names."""
    fields = page.locator("form.list_settings [name]:not([type=hidden]):not([type=submit])")
    names = set(fields.evaluate_all("fields => fields.map(field => field.name)"))
    for name in names:
        field = page.locator(f"form.list_settings [name={name}]")
        match field.first.evaluate("field => field.type"):
            case "radio":
                field.and_(page.locator(":not(:checked)")).first.check(force=True)
            case "checkbox":
                field.first.set_checked(not field.first.is_checked(), force=True)
            case "select-one":
                field.select_option(field.locator("option:not(:checked)").first.get_attribute("value"))
            case "number":
                field.fill(str(int(float(field.input_value() or 0)) + 1))
            case _:
                field.fill(TYPED.get(name, "Words {{ in braces }} for $listname"))
    return names


def chosen(page: Page, name: str) -> str:
    """What is chosen in a field: a list of choices, or radio buttons."""
    field = page.locator(f"select[name={name}]")
    return field.input_value() if field.count() else page.locator(f"[name={name}]:checked").get_attribute("value")


def test_a_new_member_s_visit(chromium: Chromium, deployment: Deployment, site: Site, mailing_list: MailingList):
    website, address = WebSite.of(site), person("browser")
    name, password, another = address.partition("@")[0], secrets.token_urlsafe(12), secrets.token_urlsafe(12)
    with visiting(chromium, site, "desktop") as visit:
        page = visit.page
        visit.fill_in("accounts/signup/", email=address, password1=password, password2=password)
        visit.go(mailed_link(deployment, website, address, "accounts/confirm-email/"))
        visit.click("form[action*=confirm-email] [type=submit]")
        visit.log_in(name, password)
        visit.log_out()

        visit.fill_in("accounts/password/reset/", email=address)
        link = mailed_link(deployment, website, address, "accounts/password/reset/key/")
        # It logs in, too.
        visit.fill_in(link, password1=another, password2=another)
        visit.log_out()
        visit.log_in(name, another)

        visit.go(f"postorius/lists/{mailing_list.name}.{site.domain}/")
        assert page.locator(f"text={mailing_list.address}").count() > 0
        visit.click("form[action*='/subscribe'] [type=submit]")
        wait_for(lambda: address in mailing_list.members(), "the subscription", SUBSCRIBED_WITHIN_SECONDS)

        visit.go("user-profile/delete")
        visit.click("form:not([action*=search]) .btn-danger[type=submit]")


@pytest.fixture(scope="module")
def garden(
    deployment: Deployment, release: str, site: Site, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MailingList]:
    """A list with a thread that is worth a picture."""
    made, website = MailingList(deployment, site, "garden"), WebSite.of(site)
    made.create()
    try:
        made.configure(archive_policy="public", description="Our common garden", display_name="Garden")
        with removing_archive(website, made.address):
            # Imported, because Mailman gives the posts that it takes today's date.
            import_mbox(deployment, release, made.address, letters(made.address), tmp_path_factory.mktemp("garden"))
            yield made
    finally:
        made.delete()


def letters(address: str) -> Iterator[EmailMessage]:
    """The posts in the pictures, each reply below what it answers."""
    beginnings: dict[str, str] = {}
    for days, name, subject, text in POSTS:
        message = compose(f"{name} <{name.split()[0].lower()}@strict.test>", address, subject, text)
        message.replace_header("Date", format_datetime(localtime() - timedelta(days=days)))
        beginning = beginnings.setdefault(subject.removeprefix("Re: "), message["Message-ID"])
        if beginning != message["Message-ID"]:
            message["In-Reply-To"] = message["References"] = beginning
        yield message


@pytest.mark.parametrize("screen", SCREENS)
def test_pages_fit_the_screen(chromium: Chromium, site: Site, garden: MailingList, screen: str, tmp_path: Path):
    pictures = Path(os.environ.get("LISTKIT_SCREENSHOTS", tmp_path))
    archive = f"hyperkitty/list/{garden.address}/"
    with visiting(chromium, site, screen) as visit:
        page = visit.page
        thread = archived(WebSite.of(site).browser(), garden.address, PICTURED).url.partition("/mailman3/")[2]
        visit.go_until(thread, lambda page: page.locator(f"text={LAST_WORDS}").count() > 0, ARCHIVED_WITHIN_SECONDS)
        bars = ".chart .bars rect:not([height='0'])"
        visit.go_until(archive, lambda page: page.locator(bars).count() > 0, ARCHIVED_WITHIN_SECONDS)
        check_and_picture(page, pictures / f"screenshot-list-{screen}.png")
        visit.go(thread)
        page.locator(f"text={LAST_WORDS}").first.wait_for()
        check_and_picture(page, pictures / f"screenshot-thread-{screen}.png")
        visit.go(visit.origin)
        page.locator(f"h1:has-text('{ORGANISATION}')").wait_for()
        check_and_picture(page, pictures / f"screenshot-root-{screen}.png")


@pytest.mark.parametrize("screen", SCREENS)
def test_an_error_fits_the_screen(chromium: Chromium, site: Site, screen: str, tmp_path: Path):
    with visiting(chromium, site, screen) as visit:
        visit.go("nothing-here")
        visit.page.locator("h1:has-text('Page not found')").wait_for()
        check_and_picture(visit.page, tmp_path / "error.png")
        refused, said = visit.problems
        assert refused == f"HTTP 404: {visit.origin}mailman3/nothing-here"
        assert "404" in said
        visit.problems.clear()


def check_and_picture(page: Page, file: Path) -> None:
    """Nothing may stick out to the right; keep a picture."""
    page.screenshot(path=file)
    width, room = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert width <= room, f"{page.url} is {width} wide on a screen of {room}"
