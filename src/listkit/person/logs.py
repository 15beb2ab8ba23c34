"""Log files, and the system's journal."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

from listkit.person.files import JOURNAL, LOGS, fill_over, naming
from listkit.person.finding import Finding
from listkit.person.identity import Person
from listkit.person.redaction import Redactor

_NO_MATCH = 1
_OWN_COMMAND = b"listkit person"
"""In what sudo logs: nothing else may be held about the address."""


def find(person: Person) -> Iterator[Finding]:
    """Yield the log files that name the person, and the number of lines in the journal. Raises SubprocessError."""
    for path in naming(Redactor(person), LOGS, leave_out=[JOURNAL]):
        yield Finding("log", str(path))
    if count := journal_lines(person):
        yield Finding("journal", f"{count} lines")


def erase(person: Person, *, journal: bool) -> None:
    """Fill the person over in log files; `journal`: delete the system's journal, all of it. Raises SubprocessError."""
    redactor = Redactor(person)
    for path in naming(redactor, LOGS, leave_out=[JOURNAL]):
        fill_over(redactor, path)
    if journal:
        subprocess.run(["journalctl", "--rotate", "--vacuum-time=1s"], capture_output=True, check=True)


def journal_lines(person: Person) -> int:
    """Return how many lines of the system's journal name the person."""
    texts = "|".join(re.escape(text) for text in (*sorted(person.addresses), *sorted(person.names)))
    command = ["journalctl", "-q", "--no-pager", "-o", "cat", "--case-sensitive=no", f"--grep={texts}"]
    with subprocess.Popen([*command], stdout=subprocess.PIPE) as listing:
        count = sum(_OWN_COMMAND not in line for line in listing.stdout or ())
    if listing.returncode not in (0, _NO_MATCH):
        raise subprocess.CalledProcessError(listing.returncode, command[0])
    return count
