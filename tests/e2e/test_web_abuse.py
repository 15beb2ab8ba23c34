"""Abuse of the web interface costs the abuser: others are still served."""

from __future__ import annotations

import json
import secrets
import shlex
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from e2e import flood
from e2e.browser import Browser
from e2e.mailing import MailingList, person
from e2e.website import RATE_SECONDS, WebSite, archived, archiving, in_django, wait_for
from infomaniak import compose
from lab import Host

pytestmark = pytest.mark.every_release("web")

CHARACTERS = 25_000
RENDERED_WITHIN_SECONDS = 10
"""A hundred times as long as on an idle machine; the worst of these texts takes for ever without a limit."""

HALF_OPEN = 5000
SLOW_BODIES = 150
"""All at the same time: the packet filter leaves an address somewhat more connections than that."""
HONEST_SECONDS = 1
MAX_SLOWER = 3
"""On a machine that is busy with other tests, a page may take longer than a second without any attack."""

Attack = Callable[[WebSite], AbstractContextManager[None]]

PATTERNS = {
    "processing instructions": "<?",
    "declarations": "<!A ",
    "comments": "<!-- ",
    "character data": "<![CDATA[",
    "attributes": "<a" + " x=1\tb" * 50,
    "tags": "<div>\n",
    "brackets": "[",
    "links": "[a](",
    "angled links": "[a](<",
    "titles": '[a](b "',
    "parentheses": "[a](((",
    "images": "![",
    "references": "[a][",
    "definitions": "[a]: b\n",
    "asterisks": "*a",
    "double asterisks": "**a ",
    "underscores": "_a ",
    "double underscores": "__a ",
    "backticks": "`a ",
    "fences": "```\n",
    "quotes": "> > > > a\n",
    "lists": "- a\n",
    "numbers": "1. a\n",
    "entities": "&amp",
    "backslashes": "\\",
    "addresses": "<a@b",
    "signatures": "BEGIN PGP SIGNATURE\n",
}

_RENDER = """
def act(patterns, characters):
    import time
    from types import SimpleNamespace
    from hyperkitty.templatetags import decorate
    render = decorate.register.filters["render"]
    is_text = "value" in __import__("inspect").signature(render).parameters
    took = {}
    for name, pattern in patterns.items():
        text = (name + "\\n" + pattern * (characters // len(pattern)))
        for mode in ("text", "markdown"):
            mailing_list = SimpleNamespace(archive_rendering_mode=mode)
            started = time.monotonic()
            for _ in range(2):
                html = render(text if is_text else {"content": text}, mailing_list)
            assert name in html
            took[f"{name}, {mode}"] = time.monotonic() - started
    ordinary = "See *this* <script>alert(1)</script>"
    html = render(ordinary if is_text else {"content": ordinary}, mailing_list)
    return took, html
"""


def test_no_post_is_expensive_to_render_and_ordinary_ones_are_formatted(website: WebSite):
    took, ordinary = in_django(website, _RENDER, PATTERNS, CHARACTERS)
    assert {name: seconds for name, seconds in took.items() if seconds > RENDERED_WITHIN_SECONDS} == {}
    assert "<em>" in ordinary
    assert "<script" not in ordinary


def test_a_post_that_would_take_minutes_is_plain_text_in_its_thread(website: WebSite, mailing_list: MailingList):
    mailing_list.configure(archive_rendering_mode="markdown")
    with archiving(website, mailing_list, "public") as address:
        website.deliver(compose("bo@example.com", address, "Brackets", "[a](<" * 5000))
        thread = archived(website.browser(), address, "Brackets")
    assert '<pre style="white-space: pre-wrap">[a](' in thread.text


_SIGN_UP = """
def act(fqdn, name, attempts):
    import re
    from listkit.web.patches import public_forms
    users.create_user("known", f"known-{name}@example.org", "right")
    client, tokens, answers = Client(HTTP_HOST=fqdn), {}, []
    for token, min_seconds, address, trap in attempts:
        if token not in tokens:
            page = client.get("/accounts/signup/", secure=True).content.decode()
            assert 'name="username"' not in page
            tokens[token] = re.search('name="moment" value="([^"]+)"', page)[1]
        public_forms.MIN_SECONDS = min_seconds
        fields = {"email": address, "password1": "Quince-jelly-7", "moment": tokens[token], "website": trap}
        page = client.post("/accounts/signup/", {**fields, "password2": fields["password1"]}, secure=True)
        answers.append([page.status_code, page.headers.get("Location"), users.filter(email=address).count()])
    return answers
"""

_SUBSCRIBE = """
def act(fqdn, list_id, addresses):
    import re
    from listkit.web.patches import public_forms
    public_forms.MIN_SECONDS = 0
    client, page, answers = Client(HTTP_HOST=fqdn), f"/postorius/lists/{list_id}/", []
    for address in addresses:
        token = re.search('name="moment" value="([^"]+)"', client.get(page, secure=True).content.decode())[1]
        fields = {"email": address, "display_name": "", "moment": token, "website": ""}
        answer = client.post(f"{page}anonymous_subscribe", fields, secure=True)
        shown = client.get(page, secure=True).content.decode()
        answers.append([answer.status_code, re.findall("alert-(?!dismiss)[a-z]+", shown), "check your inbox" in shown])
    return answers
"""


def test_a_sign_up_costs_a_robot_time_and_does_not_tell_who_is_there(website: WebSite):
    name = f"x{secrets.token_hex(4)}"
    new, again, known = f"{name}@example.org", f"{name}-2@example.org", f"known-{name}@example.org"
    sent = "/mailman3/accounts/confirm-email/"
    attempts = {
        "at once": (("first", 60, new, ""), [200, None, 0]),
        "later": (("first", 0, new, ""), [302, sent, 1]),
        "with a used token": (("first", 0, again, ""), [200, None, 0]),
        "with the trap filled in": (("second", 0, again, "x"), [200, None, 0]),
        "with the trap empty": (("second", 0, again, ""), [302, sent, 1]),
        "with a known address": (("third", 0, known, ""), [302, sent, 1]),
    }
    answers = in_django(website, _SIGN_UP, website.site.fqdn, name, [attempt for attempt, _ in attempts.values()])
    assert dict(zip(attempts, answers, strict=True)) == {name: answer for name, (_, answer) in attempts.items()}


def test_the_answer_to_a_subscription_does_not_tell_who_is_a_member(website: WebSite, mailing_list: MailingList):
    member, banned, new = person("member"), person("banned"), person("new")
    mailing_list.add(member)
    mailing_list.rest("POST", f"lists/{mailing_list.list_id}/bans", email=banned)
    answers = in_django(website, _SUBSCRIBE, website.site.fqdn, mailing_list.list_id, [new, new, member, banned])
    assert answers == [[302, ["alert-success"], True]] * 4


def test_one_address_can_not_subscribe_many(website: WebSite, mailing_list: MailingList):
    browser, summary = website.stranger(), f"/mailman3/postorius/lists/{mailing_list.list_id}/"
    pages = [wait_for("page", 60, lambda: browser.get(summary), lambda page: page.status == 200) for _ in range(15)]
    statuses = [browser.submit(page, email=person("victim")).status for page in pages for _ in range(2)]
    pending = mailing_list.rest("GET", f"lists/{mailing_list.list_id}/requests?token_owner=subscriber")
    assert statuses.count(429) >= 10
    assert 1 <= len(pending["entries"]) <= 15


_OTHERS = """
def act(fqdn, name, list_id, pages, member):
    guest, user = Client(HTTP_HOST=fqdn), Client(HTTP_HOST=fqdn)
    user.force_login(users.create_user(name, f"{name}@example.org", "right"))
    path, answers = f"/postorius/lists/{list_id}/", {}
    for page in pages:
        refused, forbidden = (client.get(path + page, secure=True) for client in (guest, user))
        answers[page] = [refused.headers.get("Location", refused.status_code), forbidden.status_code]
    for client in (guest, user):
        client.post(path + "unsubscribe/", {"email": member}, secure=True)
    return answers
"""
_FOR_MODERATORS = ("held_messages", "members/member/", "subscription_requests", "pending_confirmation")
_FOR_OWNERS = ("csv_view/", "settings/", "bans/", "mass_subscribe/", "mass_removal/")


def test_others_neither_see_what_moderators_see_nor_unsubscribe_anyone(website: WebSite, mailing_list: MailingList):
    member = person("member")
    mailing_list.add(member)
    pages = [*_FOR_MODERATORS, *_FOR_OWNERS]
    name = f"x{secrets.token_hex(4)}"
    answers = in_django(website, _OTHERS, website.site.fqdn, name, mailing_list.list_id, pages, member)
    login = "/mailman3/accounts/login/"
    found = {page: [str(refused).partition("?")[0], forbidden] for page, (refused, forbidden) in answers.items()}
    # The roster is closed without a way in.
    assert found == {page: [login, 403] for page in pages} | {"members/member/": ["403", 403]}
    assert mailing_list.members() == [member]


def test_guests_see_no_addresses(website: WebSite, public_list: str):
    guest, author = website.browser(), person("author")
    website.deliver(compose(author, public_list, "Medlars", "Brown.\n"))
    thread = archived(guest, public_list, "Medlars")
    archive = f"/mailman3/hyperkitty/list/{public_list}"
    others = [guest.get(f"{archive}/{page}") for page in ("", "latest", "feed/")]
    assert {page.status for page in others} == {200}
    assert [page.url for page in (thread, *others) if author in page.text] == []


_DOWNLOAD = """
def act(fqdn, name, address):
    from django.core.cache import cache
    from hyperkitty.models import MailingList
    archive, _ = MailingList.objects.get_or_create(name=address, defaults={"list_id": address.replace("@", ".")})
    MailingList.objects.filter(pk=archive.pk).update(archive_policy=2)
    client, answers = Client(HTTP_HOST=fqdn), []
    for list_ids in ([archive.list_id], ["another.example.org"]):
        user = users.create_user(f"{name}-{len(answers)}", password="right")
        cache.set(f"User:{user.id}:subscriptions", dict.fromkeys(list_ids, "x"), 60, version=2)
        client.force_login(user)
        answers.append(client.get(f"/hyperkitty/list/{address}/export/x.mbox.gz", secure=True).status_code)
    return answers
"""


def test_members_download_an_archive_and_strangers_do_not(website: WebSite, superuser: Browser, public_list: str):
    path = f"/mailman3/hyperkitty/list/{public_list}/export/x.mbox.gz"
    website.deliver(compose("bo@example.com", public_list, "Sloes", "Blue.\n"))
    archived(superuser, public_list, "Sloes")
    assert "/mailman3/accounts/login/" in website.browser().get(path).url
    assert superuser.get(path).headers["Content-Type"] == "application/gzip"
    name = f"x{secrets.token_hex(4)}"
    assert in_django(website, _DOWNLOAD, website.site.fqdn, name, public_list) == [200, 403]


def test_a_member_s_pages_are_kept_nowhere(website: WebSite, superuser: Browser, public_list: str):
    paths = ["/mailman3/postorius/lists/", "/mailman3/hyperkitty/", "/mailman3/user-profile/delete"]
    assert {superuser.get(path).headers["Cache-Control"] for path in paths} == {"private, no-store"}
    guest = website.browser()
    assert guest.get(paths[0]).headers["Cache-Control"] is None
    website.deliver(compose("bo@example.com", public_list, "Damsons", "Blue.\n"))
    archived(guest, public_list, "Damsons")
    chart = f"/mailman3/hyperkitty/list/{public_list}/recent-activity"
    assert guest.get(chart).headers["Cache-Control"] == "max-age=43200"
    assert superuser.get(chart).headers["Cache-Control"] == "private, no-store"


_LOG_IN_FROM = """
import http.client, json, ssl, sys
server, host, *sources = sys.argv[1:]
context = ssl._create_unverified_context()
statuses = []
for source in sources:
    connection = http.client.HTTPSConnection(f"[{server}]", context=context, source_address=(source, 0), timeout=30)
    connection.request("POST", "/mailman3/accounts/login/", headers={"Host": host})
    statuses.append(connection.getresponse().status)
    connection.close()
print(json.dumps(statuses))
"""


def test_the_web_server_counts_the_ipv6_addresses_of_one_customer_together(website: WebSite):
    network, elsewhere = (f"2001:db8:{secrets.randbelow(0xFFFF):x}:{last}" for last in (1, 2))
    customer, neighbour, other = f"{network}::1", f"{network}:ffff::1", f"{elsewhere}::1"
    host = website.site.web
    with on_loopback(host, customer, neighbour, other):
        words = ["python3", "-c", _LOG_IN_FROM, customer, website.site.fqdn, *[customer] * 12, neighbour, other]
        statuses = json.loads(host.run(shlex.join(words)))
    assert statuses[0] == statuses[-1] == 403, "a form without its token is refused by the application"
    assert statuses[-2] == 429


@contextmanager
def on_loopback(host: Host, *addresses: str) -> Iterator[None]:
    """A host that can reach itself from these IPv6 addresses."""
    change = "ip address {} {}/128 dev lo"
    host.run(" && ".join(change.format("add", address) for address in addresses))
    try:
        yield
    finally:
        host.run(" && ".join(change.format("del", address) for address in addresses))


@contextmanager
def half_requests(website: WebSite) -> Iterator[None]:
    """5,000 connections from one address that never say what they want, on each of both ports."""
    address = website.site.web.address
    with (
        flood.half_open(address, 80, HALF_OPEN, flood.HALF_REQUEST) as plain,
        flood.half_open(address, 443, HALF_OPEN, flood.client_hello(website.site.fqdn)[:20]),
    ):
        assert plain, "no connection got through"
        yield


@contextmanager
def slow_bodies(website: WebSite) -> Iterator[None]:
    """Forms from one address that are never sent to their end."""
    with flood.slow_bodies(website.site.web.address, website.site.fqdn, SLOW_BODIES):
        yield


@contextmanager
def handshakes(website: WebSite) -> Iterator[None]:
    """Handshakes from one address, as many as it can."""
    with flood.handshakes(website.site.web.address, website.site.fqdn) as begun:
        yield
        assert begun, "no handshake was begun"


@pytest.mark.parametrize("attack", [half_requests, slow_bodies, handshakes], ids=lambda attack: attack.__name__)
def test_an_honest_page_is_quick_while_another_address_wastes_the_server_s_time(website: WebSite, attack: Attack):
    honest = website.stranger()
    calm = median_seconds(honest)
    with attack(website):
        attacked = median_seconds(honest)
    assert attacked < max(HONEST_SECONDS, MAX_SLOWER * calm)


def median_seconds(browser: Browser) -> float:
    """How long a page that guests share takes, with a new connection each time."""
    return statistics.median(_seconds(browser) for _ in range(5))


def _seconds(browser: Browser) -> float:
    started = time.monotonic()
    page = wait_for("page", RATE_SECONDS, lambda: browser.get("/mailman3/"), lambda page: page.status != 429)
    assert page.status == 200
    return time.monotonic() - started
