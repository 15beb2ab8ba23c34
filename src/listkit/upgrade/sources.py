"""apt's sources: which of them aren't Debian's, and how they name the next release."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from listkit.common.durable import write_durably
from listkit.upgrade.releases import NEW, OLD, Release

APT = Path("/etc/apt")
ONE_LINE = re.compile(r"^(\s*deb(?:-src)?\s+(?:\[[^\]]*\]\s+)?\S+\s+)(\S+)", re.MULTILINE)
"""A line of a `.list` file up to the suite, and the suite."""
SUITES = re.compile(r"^(Suites:)((?:.*\n?)(?:[ \t].*\n?)*)", re.MULTILINE | re.IGNORECASE)
"""The field of a `.sources` file with its continuation lines."""
ENTRY = re.compile(
    r"^ +-?\d+ (?P<location>[^\s/]\S*) .*"  # dpkg's list of installed packages is a path
    r"(?:\n +release (?P<fields>.*))?"
    r"(?:\n +origin (?P<host>\S*))?$",
    re.MULTILINE,
)
"""A source in the output of `apt-cache policy`. One without a release file or without a host lacks a line."""


@dataclass(frozen=True)
class Foreign:
    """A source that isn't Debian's. place: its host or its URI; origin, name: as its release file has them."""

    place: str
    origin: str
    name: str

    def __str__(self) -> str:
        return f"{self.place} ({self.origin or 'without an origin'}, {self.name or 'without a name'})"


def foreign(policy: str, release: Release = OLD) -> list[Foreign]:
    """Return the sources that aren't this Debian release's, from the output of `apt-cache policy`."""
    found = dict.fromkeys(_sources(policy))
    suites = {release.name, f"{release.name}-updates", f"{release.name}-security"}
    return [source for source in found if source.origin != "Debian" or source.name not in suites]


def _sources(policy: str) -> Iterator[Foreign]:
    for entry in ENTRY.finditer(policy):
        said = dict(field.partition("=")[::2] for field in (entry["fields"] or "").split(","))
        yield Foreign(entry["host"] or entry["location"], said.get("o", ""), said.get("n", ""))


def renamed(text: str, old: Release = OLD, new: Release = NEW) -> str:
    """Return the content of a file of sources with the suites of the next release."""
    suite = re.compile(rf"\b{old.name}(?=[-/]|\b)")
    text = ONE_LINE.sub(lambda found: found[1] + suite.sub(new.name, found[2]), text)
    return SUITES.sub(lambda found: found[1] + suite.sub(new.name, found[2]), text)


def files(apt: Path = APT) -> list[Path]:
    """Return the files of sources."""
    parts = apt / "sources.list.d"
    found = [apt / "sources.list", *sorted(parts.glob("*.list")), *sorted(parts.glob("*.sources"))]
    return [path for path in found if path.exists()]


def switch(apt: Path = APT) -> None:
    """Have apt use the next release. A second call changes nothing."""
    for path in files(apt):
        text = path.read_text()
        if (changed := renamed(text)) != text:
            write_durably(path, changed)


def write_next(directory: Path, apt: Path = APT) -> None:
    """Write the sources of the next release into a directory of their own, laid out like apt's."""
    for path in files(apt):
        target = directory / path.relative_to(apt)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(renamed(path.read_text()))
