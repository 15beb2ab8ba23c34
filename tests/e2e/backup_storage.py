"""A storage of backups that only adds, on this machine, which no loss of a lab's hosts reaches."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import Lab
from lab.commands import wait_for

PORT = 8099


@contextmanager
def append_only(lab: Lab, directory: Path) -> Iterator[str]:
    """Serve the directory to the hosts of the lab; return what `backup_repository` has to be."""
    gateway = lab.network.gateway
    server = subprocess.Popen(
        ["rclone", "serve", "restic", "--append-only", "--addr", f"{gateway}:{PORT}", str(directory / "store")],
        env={**os.environ, "HOME": str(directory)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(lambda: _answers(gateway), "the storage to answer", 30)
        yield f"rest:http://{gateway}:{PORT}/listkit/"
    finally:
        server.terminate()
        server.wait(10)


def _answers(host: str) -> bool:
    try:
        socket.create_connection((host, PORT), timeout=1).close()
    except OSError:
        return False
    return True
