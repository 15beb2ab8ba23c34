"""The settings that a new list starts with, as the operator configured them for the host."""

from pathlib import Path

from listkit.common.configuration import Table, load

PATH = Path("/etc/listkit/list-defaults.json")
"""REST settings by name, with values that the REST API accepts."""


def read(path: Path = PATH) -> dict[str, object]:
    """Return the settings by name. Raises ConfigurationError."""
    return load(path, Table.content)


def extend(style) -> None:
    """Make `style` (`IStyle`), whichever it is, give a new list the kit's settings after its own."""
    own = style.apply

    def apply_and_extend(mailing_list):
        """See `IStyle`."""
        own(mailing_list)
        apply(mailing_list, read())

    style.apply = apply_and_extend


def apply(mailing_list, settings: dict[str, object]) -> None:
    """Give `mailing_list` (`IMailingList`) the settings, as the REST API does. Raises ValueError for a wrong one."""
    from mailman.rest.listconf import ATTRIBUTES

    for name, value in settings.items():
        setting = ATTRIBUTES.get(name)
        if setting is None or setting.decoder is None:
            raise ValueError(f"{PATH}: {name!r} is not a setting of a list, such as 'dmarc_mitigate_action'")
        try:
            setting.put(mailing_list, name, setting(value))
        except (KeyError, ValueError) as error:
            raise ValueError(f"{PATH}: {name} is {value!r}, which Mailman refuses: {error}") from error
