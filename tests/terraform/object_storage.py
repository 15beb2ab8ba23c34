"""An S3-compatible object storage on this machine, with conditional writes."""

import base64
import hashlib
import os
import re
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
    versions = directory.with_name(f"{directory.name}-versions")
    versions.mkdir()
    environment = os.environ | {
        "ROOT_ACCESS_KEY": LOGIN["AWS_ACCESS_KEY_ID"],
        "ROOT_SECRET_KEY": LOGIN["AWS_SECRET_ACCESS_KEY"],
    }
    server = subprocess.Popen(
        [programs.built("objectstore"), "--quiet", "--port", f"127.0.0.1:{port}", *options,
         "posix", "--versioning-dir", versions, directory],
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


def add_locked_container(storage: Storage, name: str, days: int = 0) -> None:
    """Add a container that keeps versions, and locks each object; days: for how long, unless its login says so."""
    _put(storage, name, "", "-H", "x-amz-bucket-object-lock-enabled: true")
    if days:
        retention = f"<Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>{days}</Days></DefaultRetention></Rule>"
        lock = f"<ObjectLockEnabled>Enabled</ObjectLockEnabled>{retention}"
        _put(storage, f"{name}?object-lock=", f"<ObjectLockConfiguration>{lock}</ObjectLockConfiguration>")


def set_policy(storage: Storage, container: str, policy: str) -> None:
    """Set the policy of a container, as its owner."""
    _put(storage, f"{container}?policy=", policy)


def object_versions(storage: Storage, container: str) -> dict[str, str]:
    """Return the objects that the container keeps, removed ones too: the path of each version, and the object's."""
    listed = _request(storage, "GET", f"{container}?versions=").stdout
    found = re.findall(r"<Version>.*?<Key>(.+?)</Key>.*?<VersionId>(.+?)</VersionId>", listed)
    return {f"{container}/{name}?versionId={version}": name for name, version in found}


def refuses_to_delete(storage: Storage, path: str) -> bool:
    """Whether the storage refuses its owner, who may do anything, to remove a version of an object."""
    return "<Code>AccessDenied" in _request(storage, "DELETE", path).stdout


def _put(storage: Storage, path: str, body: str, *options: str) -> None:
    digest = base64.b64encode(hashlib.md5(body.encode(), usedforsecurity=False).digest()).decode()
    sent = ["-H", f"Content-MD5: {digest}", "--data-binary", body, "--fail", *options]
    _request(storage, "PUT", path, *sent).check_returncode()


def _request(storage: Storage, method: str, path: str, *options: str) -> subprocess.CompletedProcess[str]:
    login = f"{LOGIN['AWS_ACCESS_KEY_ID']}:{LOGIN['AWS_SECRET_ACCESS_KEY']}"
    return subprocess.run(
        ["curl", "-sS", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", login, "-X", method,
         "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", *options, f"{storage.url}/{path}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
