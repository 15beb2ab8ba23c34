"""Abuse of the web interface costs the abuser: others are still served."""

from __future__ import annotations

import pytest

from e2e.mailing import MailingList
from e2e.website import WebSite, archived, archiving, in_django
from infomaniak import compose

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
