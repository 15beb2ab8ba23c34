"""Posts are rendered within limits, and once."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from listkit.web.patches import post_rendering

MARKDOWN = SimpleNamespace(archive_rendering_mode="markdown")


class Cache(dict):
    """What is used of Django's."""

    def set(self, key, value, seconds):
        assert seconds == post_rendering.KEPT_SECONDS
        self[key] = value


@pytest.fixture
def cache(monkeypatch) -> Cache:
    """The cache that the patch uses, with as much of Django as it needs."""
    made = Cache()
    modules = {
        "django.core.cache": {"caches": {"posts": made}},
        "django.utils.safestring": {"mark_safe": str},
        "django.utils.html": {"escape": lambda text: text.replace("<", "&lt;")},
    }
    for name in ("django", "django.core", "django.utils"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    for name, content in modules.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return made


def test_a_post_is_rendered_once(cache, tmp_path):
    def original(post, mlist):
        (tmp_path / "rendered").open("a").write("x")
        return f"<p>{post}</p>"

    render = post_rendering._render(original)
    assert {render("Plums", MARKDOWN) for _ in range(3)} == {"<p>Plums</p>"}
    assert (tmp_path / "rendered").read_text() == "x"


def test_a_short_post_without_html_or_markdown_needs_no_child(cache, monkeypatch):
    monkeypatch.setattr(post_rendering.limited, "call", lambda *_: "child")
    render = post_rendering._render(lambda *_: "here")
    text = SimpleNamespace(archive_rendering_mode="text")
    posts = ["Plums", "*Plums*", "a <b", "x" * 10_001]
    assert [render(post, text) for post in posts] == ["here", "here", "child", "child"]
    assert render("Plums", MARKDOWN) == "child"


def test_a_post_that_takes_too_long_or_fails_is_plain_text_and_is_not_tried_again(cache, monkeypatch):
    monkeypatch.setattr(post_rendering, "CPU_SECONDS", 0.1)
    assert post_rendering._render(_forever)("<b>", MARKDOWN) == '<pre style="white-space: pre-wrap">&lt;b></pre>'
    assert len(cache) == 1
    assert post_rendering._render(_fail)("x", MARKDOWN) == '<pre style="white-space: pre-wrap">x</pre>'


def test_a_post_that_gets_many_times_as_long_is_plain_text(cache):
    assert post_rendering._render(lambda *_: "x" * 200_000)("short", MARKDOWN).startswith("<pre")


def test_both_releases_posts_are_read():
    read = [{"content": "a", "display_fixed": True}, SimpleNamespace(content="a", display_fixed=True), "a", {}]
    assert [post_rendering.content(post) for post in read] == [("a", True), ("a", True), ("a", False), ("", False)]


def test_what_is_shown_differently_has_another_key():
    keys = [post_rendering.cache_key(*values) for values in [("a", "text", False), ("a", "markdown", False),
            ("a", "markdown", True), ("b", "text", False), ("\udc80", "text", False)]]  # fmt: skip
    assert len(set(keys)) == 5


def _forever(post, mlist) -> str:
    while True:
        pass


def _fail(post, mlist) -> str:
    raise KeyError
