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
def serving(directory: Path, container: str, accounts: Path | None = None) -> Iterator[Storage]:
    """The server, with an empty container of that name; accounts: a directory for other logins than the owner's."""
    (directory / container).mkdir()
    options = ["--iam-dir", accounts] if accounts else []
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = os.environ | {
        "ROOT_ACCESS_KEY": LOGIN["AWS_ACCESS_KEY_ID"],
        "ROOT_SECRET_KEY": LOGIN["AWS_SECRET_ACCESS_KEY"],
    }
    server = subprocess.Popen(
        [programs.built("objectstore"), "--quiet", "--port", f"127.0.0.1:{port}", *options, "posix", directory],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "the object storage", 20)
        yield Storage(f"http://127.0.0.1:{port}", directory)
    finally:
        server.terminate()
        server.wait(10)


def add_account(storage: Storage, name: str, secret: str) -> None:
    """Add a login that may do only what a policy allows it."""
    command = [programs.built("objectstore"), "admin", "-a", LOGIN["AWS_ACCESS_KEY_ID"]]
    command += ["-s", LOGIN["AWS_SECRET_ACCESS_KEY"], "--endpoint-url", storage.url, "create-user"]
    subprocess.run([*command, "-a", name, "-s", secret, "-r", "user"], check=True, capture_output=True)


def set_policy(storage: Storage, container: str, policy: str) -> None:
    """Set the policy of a container, as its owner."""
    login = f"{LOGIN['AWS_ACCESS_KEY_ID']}:{LOGIN['AWS_SECRET_ACCESS_KEY']}"
    subprocess.run(
        ["curl", "-sS", "--fail", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", login, "-X", "PUT",
         "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "--data-binary", policy, f"{storage.url}/{container}?policy="],
        check=True, capture_output=True,
    )  # fmt: skip
