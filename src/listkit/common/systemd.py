"""systemd: readiness, status and the watchdog (sd_notify(3)), logging to its journal, and programs of other users."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Sequence


def notify(message: str) -> None:
    """Send a message such as "READY=1" to systemd. Do nothing when systemd did not start this process."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    # A leading @ means the abstract namespace, which the kernel spells with a NUL.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.connect(f"\0{address[1:]}" if address.startswith("@") else address)
        sock.sendall(message.encode())


def watchdog_seconds() -> float | None:
    """Return the interval within which systemd expects a "WATCHDOG=1", or None when there is no watchdog."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1_000_000 if microseconds.isdigit() else None


def as_user(user: str, command: Sequence[str], seconds: float | None = None) -> list[str]:
    """Return a command with which root has systemd run another one as a system user.

    In a sandbox without the capability to change the user, too. The program has the same standard input and outputs,
    and gives the exit status. seconds: after which systemd ends it; nothing else does, not even the end of the caller.
    """
    properties = [f"User={user}", "NoNewPrivileges=yes", *([f"RuntimeMaxSec={seconds}"] if seconds else [])]
    options = ["--quiet", "--wait", "--pipe", "--collect", *(f"--property={value}" for value in properties)]
    return ["systemd-run", *options, "--", *command]


def log_to_journal() -> None:
    """Log to stderr. The journal adds the time and reads the level from the prefix (sd-daemon(3))."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    if os.environ.get("JOURNAL_STREAM"):
        logging.getLogger().handlers[0].setFormatter(_JournalFormatter("%(message)s"))


class _JournalFormatter(logging.Formatter):
    """Put the syslog level before every line."""

    _LEVELS = ((logging.ERROR, "<3>"), (logging.WARNING, "<4>"), (logging.INFO, "<6>"))

    def format(self, record: logging.LogRecord) -> str:
        prefix = next((mark for level, mark in self._LEVELS if record.levelno >= level), "<7>")
        return "\n".join(prefix + line for line in super().format(record).splitlines())
