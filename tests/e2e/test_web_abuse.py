"""Abuse of the web interface costs the abuser: others are still served."""

from __future__ import annotations

import json
import secrets
import shlex
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from e2e.mailing import MailingList
from e2e.website import WebSite, archived, archiving, in_django
from infomaniak import compose
from lab import Host

pytestmark = pytest.mark.every_release("web")

CHARACTERS = 25_000
RENDERED_WITHIN_SECONDS = 10
"""A hundred times as long as on an idle machine; the worst of these texts takes for ever without a limit."""

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


_LOG_IN_FROM = """
import http.client, json, ssl, sys
server, host, *sources = sys.argv[1:]
context = ssl._create_unverified_context()
statuses = []
for source in sources:
    connection = http.client.HTTPSConnection(server, context=context, source_address=(source, 0), timeout=30)
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
