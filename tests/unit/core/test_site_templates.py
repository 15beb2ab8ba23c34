"""The kit's texts of Mailman's messages."""

from pathlib import Path

TEMPLATES = Path(__file__).resolve().parents[3] / "roles/core/templates/usr/local/share/listkit/mailman/templates/site"


def test_the_welcome_message_has_no_password():
    """Mailman's own text mentions one, which no member has."""
    text = (TEMPLATES / "en" / "list:user:notice:welcome.txt").read_text()
    assert "$request_email" in text and "password" not in text.lower()
