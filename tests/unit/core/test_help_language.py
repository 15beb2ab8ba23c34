"""The mail commands' descriptions are translated when they are read."""

from __future__ import annotations

from listkit.mailman.patches import help_language


class Leave:
    short_description = description = "Leave this list."


class Unsubscribe(Leave):
    description = "An alias for 'leave'."


def test_texts_are_in_the_language_in_use():
    language = "fr"
    commands = [Leave(), Unsubscribe()]
    help_language.translate_texts(commands, lambda text: f"{language}: {text}")
    leave, unsubscribe = commands
    assert (leave.short_description, leave.description) == ("fr: Leave this list.", "fr: Leave this list.")
    assert unsubscribe.short_description == "fr: Leave this list."
    language = "de"
    assert unsubscribe.description == "de: An alias for 'leave'."
