"""The kit's texts of Mailman's messages."""

from __future__ import annotations

from pathlib import Path
from string import Template

import pytest

TEMPLATES = Path(__file__).resolve().parents[3] / "roles/core/templates/usr/local/share/listkit/mailman/templates/site"
LANGUAGES = ("de", "en", "es", "fr", "it")
# Mailman's own welcome message mentions one, which no member has.
PASSWORDS = ("password", "passwort", "mot de passe", "contraseña")
# Mailman replaces these in every template.
NAMES = {"display_name": "News", "listname": "news@example.org", "owner_email": "news-owner@example.org"}
PARTS = {"short_listname": "news", "domain": "example.org"}


def expanded(language: str, name: str, **more: str) -> str:
    """A text with all placeholders replaced, and `more`; it fails for one that Mailman doesn't know."""
    return Template((TEMPLATES / language / name).read_text()).substitute(NAMES, **PARTS, **more)


def test_the_languages():
    assert sorted(folder.name for folder in TEMPLATES.iterdir()) == list(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_welcome_message_says_how_to_write_to_leave_and_to_ask(language):
    text = expanded(language, "list:user:notice:welcome.txt.j2")
    for line in (
        "  news@example.org\n",
        "  news-leave@example.org\n",
        "  news-owner@example.org\n",
        "  https://{{ core_web_name }}/\n",
    ):
        assert line in text
    assert not any(word in text.lower() for word in PASSWORDS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_goodbye_message_names_the_owners(language):
    text = expanded(language, "list:user:notice:goodbye.txt")
    assert '"News"' in text or "« News »" in text
    assert "  news-owner@example.org\n" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_notice_of_a_held_post_names_the_post_the_reason_and_the_owners(language):
    text = expanded(language, "list:user:notice:hold.txt", subject="Plums", reasons="    Too large")
    assert '"News"' in text or "« News »" in text
    for part in ("    Plums\n", "\n    Too large\n", "  news-owner@example.org\n"):
        assert part in text
