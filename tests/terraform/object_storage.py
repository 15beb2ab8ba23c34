"""An S3-compatible object storage on this machine, with conditional writes."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from publiccloud import programs

from lab.commands import wait_for

LOGIN = {"AWS_ACCESS_KEY_ID": "access", "AWS_SECRET_ACCESS_KEY": "secret-for-a-test"}


@dataclass(frozen=True)
class Storage:
    """A running server whose containers are the directories in `directory`."""

    url: str
    directory: Path


@contextmanager
def serving(directory: Path, container: str) -> Iterator[Storage]:
    """The server, with an empty container of that name."""
    (directory / container).mkdir()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = os.environ | {
        "ROOT_ACCESS_KEY": LOGIN["AWS_ACCESS_KEY_ID"],
        "ROOT_SECRET_KEY": LOGIN["AWS_SECRET_ACCESS_KEY"],
    }
    server = subprocess.Popen(
        [programs.built("objectstore"), "--quiet", "--port", f"127.0.0.1:{port}", "posix", directory],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "the object storage", 20)
        yield Storage(f"http://127.0.0.1:{port}", directory)
    finally:
        server.terminate()
        server.wait(10)
