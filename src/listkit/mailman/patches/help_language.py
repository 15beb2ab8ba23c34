"""The answer to the mail command `help` is in one language."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from listkit.common.patching import Patch, Target

TEXTS = ("short_description", "description")


class Translated:
    """A text of a class that is translated when it is read, into the language in use then."""

    def __init__(self, text: str, translate: Callable[[str], str]):
        self._text, self._translate = text, translate

    def __get__(self, instance: Any, owner: type) -> str:
        return self._translate(self._text)


def translate_texts(commands: Iterable[Any], translate: Callable[[str], str]) -> None:
    """Let the texts of Mailman's mail `commands` be translated later than at Mailman's start."""
    # A command's class may inherit from another's, so all texts are read first.
    found = [(type(command), name, getattr(command, name)) for command in commands for name in TEXTS]
    for command_class, name, text in found:
        setattr(command_class, name, Translated(text, translate))


def _apply() -> None:
    from mailman.config import config
    from mailman.core.i18n import _

    translate_texts(config.commands.values(), _)


PATCH = Patch(
    name="help-language",
    purpose="The answer to `help` describes the commands in English on a list of any language: Mailman translates the"
    " descriptions once, at its start.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="The descriptions are in English.",
    targets=(
        Target("mailman.commands.eml_help:Help.process", "(self, mlist, msg, msgdata, arguments, results)"),
        Target("mailman.commands.eml_help:Help.short_description"),
        Target("mailman.commands.eml_help:Help.description"),
        Target("mailman.core.i18n:_"),
    ),
    apply=_apply,
)
