"""The settings that a new list starts with, as the operator configured them for the host."""

import json
from pathlib import Path

PATH = Path("/etc/listkit/list-defaults.json")
"""REST settings by name, with the values that the REST API takes."""

ALIASES = "acceptable_aliases"
"""The one of them that isn't an attribute of the list."""


def read(path: Path = PATH) -> dict[str, object]:
    """Return the settings by name. Raises ValueError, naming the file, when it isn't a JSON object."""
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from error
    if not isinstance(settings, dict):
        raise ValueError(f'{path}: must hold a JSON object such as {{"first_strip_reply_to": true}}')
    return settings


def extend(style) -> None:
    """Make `style` (`IStyle`), whichever it is, give a new list the kit's settings after its own."""
    own = style.apply

    def apply_and_extend(mailing_list):
        """See `IStyle`."""
        own(mailing_list)
        apply(mailing_list, read())

    style.apply = apply_and_extend


def apply(mailing_list, settings: dict[str, object]) -> None:
    """Give `mailing_list` (`IMailingList`) the settings. Raises ValueError for one that Mailman doesn't know."""
    for name, value in settings.items():
        if name == ALIASES:
            _accept(mailing_list, value)
            continue
        column = getattr(type(mailing_list), name, None)
        if column is None:
            raise ValueError(f"{PATH}: {name!r} is no setting of a list, such as 'dmarc_mitigate_action'")
        setattr(mailing_list, name, _converted(name, value, column))


def _accept(mailing_list, aliases: list[str]) -> None:
    """Let posts name these addresses in To instead of the list's."""
    from mailman.interfaces.mailinglist import IAcceptableAliasSet

    accepted = IAcceptableAliasSet(mailing_list)
    accepted.clear()
    for alias in aliases:
        accepted.add(alias)


def _converted(name, value, column):
    """Return `value` as what `column` of the database holds; only enumerations differ from what JSON holds.

    The new list doesn't tell: Mailman's styles don't set everything, and what isn't set yet is None.
    """
    choices = getattr(getattr(column, "type", None), "enum", None)
    if choices is None:
        return value
    try:
        return choices[value]
    except KeyError:
        names = ", ".join(member.name for member in choices)
        raise ValueError(f"{PATH}: {name} is {value!r}, but must be one of {names}") from None
