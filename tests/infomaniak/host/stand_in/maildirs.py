"""Reading the mailboxes straight from the disk: thousands of addresses in one call."""

from collections.abc import Iterator
from pathlib import Path


def messages(maildir: Path) -> list[str]:
    """The messages of one Maildir, oldest first; octets above 127 come as surrogate escapes."""
    found = [path for box in ("new", "cur") for path in (maildir / box).glob("*")]
    return [path.read_bytes().decode("ascii", "surrogateescape") for path in sorted(found, key=lambda path: path.name)]


def count(maildir: Path) -> int:
    """How many messages a Maildir has; none while it isn't there."""
    return sum(1 for box in ("new", "cur") for _ in (maildir / box).glob("*"))


def counts(base: Path) -> dict[str, int]:
    """address → number of messages, for every address that has a Maildir under `base`/domain/localpart."""
    return {address: len(list((box / "new").iterdir())) for address, box in _boxes(base)}


def _boxes(base: Path) -> Iterator[tuple[str, Path]]:
    for new in base.glob("*/*/new"):
        box = new.parent
        yield f"{box.name}@{box.parent.name}", box
