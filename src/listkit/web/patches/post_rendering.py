"""A post is rendered within a time limit, once, and shown as plain text where that is exceeded.

HyperKitty renders each post on each view of its page, with regular expressions that need quadratic, cubic or
exponential time for some texts. A post of 200 octets can keep a process busy without end.
"""

from __future__ import annotations

import functools
import hashlib
import logging
from typing import Any

from listkit.common.patching import Patch, Target
from listkit.web import limited

CPU_SECONDS = 0.5
"""An ordinary post takes a hundredth of it."""
CHEAP_CHARACTERS = 10_000
"""Without HTML or Markdown, the worst text of this length takes 0.05 s."""
MAX_GROWTH = 40
"""Length limit of the page's part, in lengths of the text; a line that quotes an empty one gets 30 times as long."""
MIN_OCTETS = 100_000
"""Length limit for a short text."""
KEPT_SECONDS = 7 * 24 * 3600
CACHE = "posts"

log = logging.getLogger("hyperkitty.render")


def _render(original):
    @functools.wraps(original)
    def render(post, mlist):
        from django.core.cache import caches
        from django.utils.safestring import mark_safe

        text, is_fixed = content(post)
        cache, key = caches[CACHE], cache_key(text, mlist.archive_rendering_mode, is_fixed)
        html = cache.get(key)
        if html is None:
            rendering = functools.partial(original, post, mlist)
            html = rendering() if is_cheap(text, mlist.archive_rendering_mode) else within_limits(rendering, text)
            cache.set(key, html, KEPT_SECONDS)
        return mark_safe(html)  # noqa: S308 -- HyperKitty has escaped it, or we have

    return render


def content(post: Any) -> tuple[str, bool]:
    """Return a post's text, and whether it is shown in a fixed-width font, which rules out Markdown.

    Debian 12 hands over the text; Debian 13 the post, or a dict of what someone has just written.
    """
    if isinstance(post, str):
        return post, False
    if isinstance(post, dict):
        return post.get("content", ""), post.get("display_fixed", False)
    return post.content, post.display_fixed


def cache_key(text: str, mode: str, is_fixed: bool) -> str:
    """Return a key that is the same for the same text, shown in the same way."""
    return hashlib.sha256(f"{mode} {is_fixed} {text}".encode("utf-8", "surrogatepass")).hexdigest()


def is_cheap(text: str, mode: str) -> bool:
    """Return whether no text like this takes long: a child process takes longer than the rendering of most posts."""
    return mode == "text" and len(text) <= CHEAP_CHARACTERS and "<" not in text


def within_limits(rendering, text: str) -> str:
    """Return what `rendering` makes of the text, or the text as it is, if that takes too long or gets too long."""
    max_octets = MIN_OCTETS + MAX_GROWTH * len(text)
    try:
        return limited.call(rendering, CPU_SECONDS, max_octets)
    except limited.LimitExceeded as reason:
        log.warning("a post of %d characters is shown as plain text: %s", len(text), reason)
        return plain(text)


def plain(text: str) -> str:
    """Return the text in HTML, line by line as it was written."""
    from django.utils.html import escape

    return f'<pre style="white-space: pre-wrap">{escape(text)}</pre>'


def _apply() -> None:
    from hyperkitty.templatetags import decorate

    decorate.register.filters["render"] = _render(decorate.register.filters["render"])


PATCH = Patch(
    name="post-rendering",
    purpose="A post of 200 octets can keep a process busy without end, and is rendered on each view of its page.",
    upstream="none filed",
    read_in=("hyperkitty 1.3.7", "hyperkitty 1.3.12"),
    fallback="Some posts take minutes of processor time on each view of their page.",
    targets=(
        Target(
            "hyperkitty.templatetags.decorate:render",
            "(email, mlist)",
            alternative=Target("hyperkitty.templatetags.decorate:render", "(value, mlist)"),
        ),
        Target("hyperkitty.templatetags.decorate:register.filters"),
        Target("hyperkitty.models:MailingList.archive_rendering_mode"),
    ),
    apply=_apply,
)
