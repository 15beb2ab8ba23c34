# SPDX-License-Identifier: MIT
"""Device passwords of a mailbox: one for each program that logs in, known to Infomaniak by its label."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.listkit.infomaniak.plugins.module_utils.client import ApiError, Client, NotApplied, Written

LONGEST_LABEL = 255
NO_ANSWER = 0


@dataclass(frozen=True)
class Access:
    """A device's access to a mailbox; its password can't be read again."""

    id: int
    label: str
    type: str
    protocols: str
    status: str
    last_connection: int | None

    @classmethod
    def of_answer(cls, answer: dict[str, Any]) -> Access:
        """Read Infomaniak's answer."""
        device = answer.get("device") or {}
        return cls(
            int(answer["id"]),
            device.get("label") or "",
            device.get("type") or "",
            answer["protocols"],
            answer["status"],
            answer.get("last_connection"),
        )


def find(client: Client, mailbox: str) -> list[Access]:
    """Return the device passwords of the mailbox at this path."""
    answers = client.get_all(f"{mailbox}/accesses/devices", {"with": "device"})
    return sorted((Access.of_answer(answer) for answer in answers), key=lambda access: (access.label, access.id))


def make(client: Client, mailbox: str, label: str, kind: str, protocols: str) -> str:
    """Make a device password and return it."""
    body = {"label": label, "type": kind, "protocols": protocols}
    try:
        written = client.post(f"{mailbox}/accesses/devices", body, repeatable=False)
    except ApiError as error:
        if error.status == NO_ANSWER or error.status >= 500:
            _say_if_lost(client, mailbox, label, error)
        raise
    password = _password(written)
    client.confirm(
        lambda: find(client, mailbox),
        lambda accesses: any(access.label == label for access in accesses),
        f"device password to make: {label}",
        written.asynchronous,
    )
    return password


def _say_if_lost(client: Client, mailbox: str, label: str, error: ApiError) -> None:
    if any(access.label == label for access in find(client, mailbox)):
        raise NotApplied(
            f"{error} The password {label!r} was made all the same and is lost. "
            "Remove it with state: absent, and run again."
        ) from error


def regenerate(client: Client, mailbox: str, access: Access) -> str:
    """Replace the password of an access and return the new one; the old one stops working."""
    return _password(client.post(f"{mailbox}/accesses/devices/{access.id}", repeatable=False))


def _password(written: Written) -> str:
    password = written.data.get("password") if isinstance(written.data, dict) else None
    if not password:
        raise NotApplied("Infomaniak accepted the request and returned no password. Make one in the Manager instead.")
    return password


def remove(client: Client, mailbox: str, accesses: list[Access]) -> None:
    """Remove accesses, whose passwords stop working."""
    gone = {access.id for access in accesses}
    written = [client.delete(f"{mailbox}/accesses/devices/{identifier}") for identifier in sorted(gone)]
    client.confirm(
        lambda: find(client, mailbox),
        lambda found: not gone & {access.id for access in found},
        f"device password to remove: {accesses[0].label}",
        any(each.asynchronous for each in written),
    )


@contextmanager
def secret_file(path: str) -> Iterator[Path]:
    """Yield a file that only its owner reads, and that replaces the one at `path` when the block ends without an error.

    Raises ValueError before the block when it can't be written, so that no password is made that has no place to go.
    """
    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise ValueError(f"dest: can't write {path}: {error.strerror}") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
