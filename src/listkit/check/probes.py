"""Looking at servers, programs and files."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

TIMEOUT_SECONDS = 5.0


def output(*command: str) -> str:
    """Return the output of a program, whatever its exit status. Raises OSError, or TimeoutExpired."""
    answer = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    return answer.stdout


def greeting(address: tuple[str, int], request: bytes = b"") -> bytes:
    """Return the first bytes that a server sends, after `request`. Raises OSError."""
    with socket.create_connection(address, TIMEOUT_SECONDS) as connection:
        connection.settimeout(TIMEOUT_SECONDS)
        connection.sendall(request)
        return connection.recv(200)


def last_log_line(unit: str) -> str:
    """Return the last line that a process of the unit, or of the units that match, logged; "" without permission."""
    match = ("-u", unit) if "*" in unit else (f"_SYSTEMD_UNIT={unit}",)
    return output("journalctl", "-q", "-o", "cat", "-n", "1", *match).strip()


def with_last_log_line(seen: str, unit: str) -> str:
    """Return `seen`, followed by the last line that the unit logged, which often names the cause."""
    line = last_log_line(unit)
    return f"{seen}; its last log line: {line}" if line else seen


def oldest(paths: Iterable[Path]) -> float | None:
    """Return the time of the oldest of these files' last changes, in seconds since 1970; None without files."""
    times = []
    for path in paths:
        try:
            times.append(path.stat().st_mtime)
        except FileNotFoundError:
            continue  # it has been handled meanwhile
    return min(times, default=None)


def date(seconds: float) -> str:
    """Return a time, in seconds since 1970, for people."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
