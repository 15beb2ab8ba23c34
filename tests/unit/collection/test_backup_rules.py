"""Where backups are stored is checked before anything changes."""

from __future__ import annotations

import pytest
from ansible_collections.listkit.kit.plugins.plugin_utils import backup_rules

COMPLETE = {
    "backup_password": "the-repository-password",
    "backup_user": "key",
    "backup_user_password": "secret",
    "backup_ssh_key_file": "/home/ana/key",
    "backup_ssh_hosts_file": "/home/ana/hosts",
}


def found(place: str, **others: str) -> list[str]:
    return [str(problem) for problem in backup_rules.problems({**COMPLETE, **others, "backup_repository": place})]


@pytest.mark.parametrize(
    "place",
    [
        "",
        "/srv/listkit",
        "s3:https://s3.pub1.infomaniak.cloud/listkit-backup",
        "s3:s3.pub1.infomaniak.cloud/listkit-backup/site",
        "sftp:backup@backup.example.org:/srv/listkit",
        "sftp://backup@backup.example.org:2222//srv/listkit",
        "rest:https://backup.example.org/listkit/",
    ],
)
def test_repositories_that_restic_knows_are_accepted(place):
    assert found(place) == []


@pytest.mark.parametrize(
    "place",
    [
        "s3.example.org/bucket",
        "s3:https://s3.example.org",
        "sftp:b.example.org",
        "rest:https://me:secret@b.example.org/",
    ],
)
def test_others_are_refused_without_showing_them(place):
    [problem] = found(place)
    assert "is not a repository that restic knows" in problem and "s3:https://s3.pub1" in problem
    assert "secret@" not in problem


@pytest.mark.parametrize(
    ("place", "missing"),
    [
        ("/srv/listkit", "backup_password"),
        ("s3:https://s3.example.org/bucket", "backup_user_password"),
        ("sftp:backup@backup.example.org:/srv/listkit", "backup_ssh_key_file"),
        ("sftp:backup@backup.example.org:/srv/listkit", "backup_ssh_hosts_file"),
    ],
)
def test_what_a_storage_needs_is_named(place, missing):
    [problem] = found(place, **{missing: ""})
    assert problem.startswith(f"{missing}: is required for backups on")
