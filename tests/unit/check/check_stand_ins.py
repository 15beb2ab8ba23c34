"""Stand-ins for what the checks look at: programs on the PATH, servers on loopback, findings by name."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from listkit.check.finding import Finding, Status


def the(findings: Iterable[Finding]) -> Finding:
    """The one finding, whose remedy is fit for people."""
    [finding] = all_of(findings)
    return finding


def all_of(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, each with the cause; and, unless it is ok, with a remedy that has a command."""
    found = list(findings)
    for finding in found:
        assert finding.seen
        assert bool(finding.remedy) is (finding.status is not Status.OK), finding
        assert finding.status is Status.OK or "`" in finding.remedy, f"no command: {finding}"
    return found


@contextlib.contextmanager
def server(says: bytes) -> Iterator[tuple[str, int]]:
    """A server that reads once, says its line and hangs up, to everyone who connects."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):  # the socket is closed at the end of the test
                while True:
                    connection, _ = listening.accept()
                    with connection:
                        connection.sendall(says)
                        connection.shutdown(socket.SHUT_WR)
                        connection.recv(100)

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()


@contextlib.contextmanager
def hanging_server() -> Iterator[tuple[str, int]]:
    """A server that hangs: it accepts connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()


def closed_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


class Programs:
    """Programs on the PATH that print what a test says and write down their arguments."""

    def __init__(self, directory: Path, monkeypatch) -> None:
        self._directory = directory
        directory.mkdir()
        monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")

    def add(self, name: str, script: str) -> None:
        """Make `name` a shell script."""
        file = self._directory / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def systemctl_show(self, units: dict[str, dict[str, str]]) -> None:
        """Make `systemctl show` answer for these units, and anything else say nothing."""
        for name, properties in units.items():
            values = {
                "Id": name, "LoadState": "loaded", "ActiveState": "active", "SubState": "running",
                "Result": "success", "UnitFileState": "enabled", **properties,
            }  # fmt: skip
            (self._directory / f"{name}.unit").write_text("".join(f"{key}={value}\n" for key, value in values.items()))
        self.add(
            "systemctl",
            'if [ "$1" = show ]; then while [ "$1" != -- ]; do shift; done; shift;'
            f' for unit; do cat "{self._directory}/$unit.unit"; echo; done; fi',
        )

    def journal(self, line: str) -> None:
        """Make `journalctl` print a line."""
        self.add("journalctl", f"echo '{line}'")
