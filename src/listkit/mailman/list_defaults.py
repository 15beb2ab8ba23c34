"""The settings that a new list starts with, as the operator configured them for the host."""

import enum
import json
from pathlib import Path

PATH = Path("/etc/listkit/list-defaults.json")
"""REST settings by name, with the values that the REST API takes."""


def read(path: Path = PATH) -> dict[str, object]:
    """Return the settings by name. Raises ValueError, naming the file, when it isn't a JSON object."""
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from error
    if not isinstance(settings, dict):
        raise ValueError(f'{path}: must hold a JSON object such as {{"first_strip_reply_to": true}}')
    return settings


def apply(mailing_list, settings: dict[str, object]) -> None:
    """Give `mailing_list` (`IMailingList`) the settings. Raises ValueError for one that Mailman doesn't know."""
    for name, value in settings.items():
        if not hasattr(mailing_list, name):
            raise ValueError(f"{PATH}: {name!r} is no setting of a list, such as 'dmarc_mitigate_action'")
        setattr(mailing_list, name, _converted(name, value, getattr(mailing_list, name)))


def _converted(name, value, present):
    """Return `value` as the type that the list has there; only enumerations differ from what JSON holds."""
    if not isinstance(present, enum.Enum):
        return value
    try:
        return type(present)[value]
    except KeyError:
        choices = ", ".join(member.name for member in type(present))
        raise ValueError(f"{PATH}: {name} is {value!r}, but must be one of {choices}") from None
