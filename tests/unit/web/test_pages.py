"""The pages in many languages: how they are put in place, and how nginx chooses."""

import re
from pathlib import Path

import pytest
from jinja2 import Environment

from listkit.web import pages

PAGE = Path(__file__).parents[3] / "roles/web/templates/usr/local/share/listkit/web/templates/listkit/page.html.j2"
TEXTS = dict.fromkeys(pages.PAGES, "<!DOCTYPE html>")


def chosen(tags: list[str], wishes: str) -> str:
    """Return the language that nginx would choose for a browser with these wishes."""
    maps = pages.nginx_maps(tags)
    pattern = re.search(r'"~\*(.*)" \$listkit_tag;', maps)[1].replace("?<listkit_tag>", "?P<listkit_tag>")
    found = re.search(pattern, f",{wishes}", re.IGNORECASE)
    directories = {tag.lower(): tag for tag in re.findall(r"^    ([A-Za-z-]+) \1;$", maps, re.MULTILINE)}
    return directories[found["listkit_tag"].lower()] if found else "en"


@pytest.mark.parametrize(
    ("wishes", "language"),
    [
        ("", "en"),
        ("fr", "fr"),
        ("de-CH,de;q=0.9,en;q=0.8", "de"),
        ("gsw, de;q=0.9, fr;q=0.8", "de"),
        ("pt-BR,pt;q=0.9", "pt-BR"),
        ("pt-br", "pt-BR"),
        ("pt-PT,pt;q=0.9", "pt"),
        ("el,en;q=0.8,fr;q=0.5", "en"),
        ("fry,xx", "en"),
        ("*", "en"),
    ],
)
def test_the_first_language_that_there_is_is_chosen(wishes, language):
    assert chosen(["en", "de", "fr", "pt", "pt-BR"], wishes) == language


def test_what_is_in_place_is_left_alone(tmp_path):
    assert pages.install({"en": TEXTS, "de": TEXTS}, tmp_path) == ["pages in 2 languages"]
    assert (tmp_path / "de/404.html").read_text() == "<!DOCTYPE html>"
    assert pages.is_installed(tmp_path)
    assert pages.install({"en": TEXTS, "de": TEXTS}, tmp_path) == []


def test_a_language_that_is_gone_is_removed(tmp_path):
    pages.install({"en": TEXTS, "de": TEXTS}, tmp_path)
    assert pages.install({"en": TEXTS}, tmp_path) == ["pages in 1 languages"]
    assert not (tmp_path / "de").exists()
    assert "de de;" not in (tmp_path / pages.LANGUAGES_FILE).read_text()


def test_looking_only_writes_nothing(tmp_path):
    assert pages.install({"en": TEXTS}, tmp_path, dry_run=True) == ["pages in 1 languages"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tag", ["../etc", "en; root /", "EN", ""])
def test_only_languages_become_directories_and_configuration(tmp_path, tag):
    with pytest.raises(ValueError, match="isn't a language"):
        pages.install({tag: TEXTS}, tmp_path)


@pytest.mark.parametrize("wanted", [True, False])
def test_the_pages_link_to_the_status_page_if_there_is_one(wanted):
    template = Environment().from_string(PAGE.read_text())  # noqa: S701 -- it becomes a template of Django's
    page = template.render(web_site_name="Lists", web_signup=True, web_status_page=wanted)
    assert ('<a href="/status/">' in page) is wanted
