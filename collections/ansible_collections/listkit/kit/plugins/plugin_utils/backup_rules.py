# SPDX-License-Identifier: MIT
"""The rule for where backups are stored."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ansible_collections.listkit.kit.plugins.plugin_utils.problem import Problem, secret_example


class Storage(NamedTuple):
    """A kind of storage: how a repository on it is written, an example, and the variables that it needs."""

    pattern: str
    example: str
    needs: tuple[str, ...]


STORAGES = {
    "S3-compatible storage": Storage(
        r"s3:(https?://)?[^/:\s@]+(:\d+)?/[^/\s]\S*",
        "s3:https://s3.pub1.infomaniak.cloud/listkit-backup",
        ("backup_password", "backup_user", "backup_user_password"),
    ),
    "SFTP": Storage(
        r"sftp:(//[^/:\s]+@[^/:\s]+(:\d+)?/\S+|[^/:\s]+@[^/:\s]+:\S+)",
        "sftp:backup@backup.example.org:/srv/listkit",
        ("backup_password", "backup_ssh_key_file", "backup_ssh_hosts_file"),
    ),
    "a REST server": Storage(
        r"rest:https?://[^/\s@]+/\S*", "rest:https://backup.example.org/listkit/", ("backup_password",)
    ),
    "a directory": Storage(r"/\S+", "/srv/listkit", ("backup_password",)),
}
EXAMPLES = {
    "backup_user": "the storage's access key",
    "backup_ssh_key_file": "/home/ana/lists/backup_ssh_key",
    "backup_ssh_hosts_file": "/home/ana/lists/backup_ssh_hosts",
}


def problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the repository, and which variables its storage lacks."""
    place = str(values.get("backup_repository", ""))
    if not place:
        return
    kind = next((kind for kind, storage in STORAGES.items() if re.fullmatch(storage.pattern, place)), None)
    if kind is None:
        # It may hold a password.
        wrong = "is not a repository that restic knows; a login belongs into backup_user"
        yield Problem("backup_repository", wrong, " or ".join(storage.example for storage in STORAGES.values()))
        return
    for name in STORAGES[kind].needs:
        if values.get(name) == "":
            yield Problem(name, f"is required for backups on {kind}", EXAMPLES.get(name) or secret_example(name))
