"""Backups on S3-compatible storage, where the server is that of the tests of Terraform's state."""

import re
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest
from object_storage import (
    LOGIN,
    Storage,
    add_account,
    add_locked_container,
    object_versions,
    refuses_to_delete,
    serving,
    set_policy,
)
from workspace import CONFIGURATION

from listkit.backup import cli
from listkit.backup import repository as repository_module
from listkit.backup.configuration import Configuration, Database
from listkit.backup.errors import BackupError
from listkit.backup.repository import Repository

BUCKET = "listkit-backup"
PAGE = CONFIGURATION.parent / "docs/runbooks/backup.md"
HOST = "ACCESS_KEY_OF_THE_HOST"
"""As the policy of the page calls its login."""
CONFIGURED = Configuration("s3:", "lists.example.org", "90d", Database("", ""), Database("", ""))
CREDENTIALS = "[default]\naws_access_key_id = {AWS_ACCESS_KEY_ID}\naws_secret_access_key = {AWS_SECRET_ACCESS_KEY}\n"


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """The server, with the bucket of docs/runbooks/backup.md."""
    with serving(tmp_path_factory.mktemp("storage"), BUCKET, tmp_path_factory.mktemp("accounts")) as served:
        yield served


def repository(storage: Storage, secrets: Path, bucket: str = BUCKET, **login: str) -> Repository:
    """A repository with its secrets in the files that the role writes."""
    place = f"s3:{storage.url}/{bucket}"
    secrets.mkdir()
    (secrets / "backup_repository").write_text(place + "\n")
    (secrets / "backup_password").write_text("the-repository-password\n")
    (secrets / "backup_credentials").write_text(CREDENTIALS.format(**LOGIN | login))
    return Repository(place, secrets, secrets / "cache", patience=30)


def test_a_backup_on_s3_is_made_restored_and_checked(storage: Storage, tmp_path: Path):
    made = repository(storage, tmp_path / "secrets")
    made.create()
    staging = tmp_path / "staging"
    staging.mkdir()
    (staging / "manifest.json").write_text("{}")
    stored = made.store(staging, "lists.example.org", time.time())
    assert (storage.directory / BUCKET / "config").is_file(), "the bucket is in the path of its URL"
    made.check("100%")
    made.restore(stored.snapshot, tmp_path / "target", staging)
    assert (tmp_path / "target" / staging.relative_to("/") / "manifest.json").read_text() == "{}"


def test_another_key_is_refused_with_the_variables_names(storage: Storage, tmp_path: Path):
    with pytest.raises(BackupError, match="refuses access: compare backup_user and backup_user_password"):
        repository(storage, tmp_path / "secrets", AWS_SECRET_ACCESS_KEY="another").snapshots()


def test_the_hosts_key_removes_no_backup_where_the_policy_of_the_page_forbids_it(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (policy,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    add_account(storage, HOST, "the-hosts-secret")
    owner, host = (
        repository(storage, tmp_path / "owner"),
        repository(storage, tmp_path / "host", AWS_ACCESS_KEY_ID=HOST, AWS_SECRET_ACCESS_KEY="the-hosts-secret"),
    )
    with pytest.raises(BackupError, match="refuses access"):
        host.snapshots()
    set_policy(storage, BUCKET, policy)
    (tmp_path / "data").write_text("Hello")
    if not (storage.directory / BUCKET / "config").exists():
        host.create()
    assert host.promises() == owner.promises()
    kept = host.store(tmp_path / "data", "lists.example.org", time.time() - 86_400)
    with monkeypatch.context() as patched:
        patched.setattr(repository_module, "PROBE_SECONDS", 5)
        assert not host.may_remove_backups("lists.example.org")
    assert kept.snapshot in {snapshot.id for snapshot in owner.snapshots()}
    assert owner.may_remove_backups("lists.example.org")
    owner.check("100%")


def test_what_the_bucket_promises_is_asked(storage: Storage, tmp_path: Path):
    plain = repository(storage, tmp_path / "plain")
    assert plain.promises() == ["versions: off; what is overwritten or removed is lost", "object lock: off"]
    refused = repository(storage, tmp_path / "refused", AWS_SECRET_ACCESS_KEY="another")
    assert {line.partition("; ")[2] for line in refused.promises()} == {"the storage answers SignatureDoesNotMatch"}

    add_locked_container(storage, "lockable")
    assert "no default retention" in repository(storage, tmp_path / "lockable", "lockable").promises()[1]


def test_a_removed_backup_is_still_there_where_the_bucket_locks_it(
    storage: Storage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    add_locked_container(storage, "locked", days=30)
    locked = repository(storage, tmp_path / "locked", "locked")
    locked.create()
    (tmp_path / "data").write_text("Hello")
    kept = locked.store(tmp_path / "data", "lists.example.org", time.time())
    cli._probe(Namespace(), CONFIGURED, locked)
    may_remove, versions, lock = capsys.readouterr().out.splitlines()
    assert "lets this host remove backups" in may_remove and "keeps what is overwritten or removed" in versions
    assert "no key can destroy what was stored within the last 30 days" in lock
    # restic no longer sees the backup that it has removed; the storage keeps it.
    assert [snapshot.id for snapshot in locked.snapshots()] == [kept.snapshot]
    backups = [path for path, name in object_versions(storage, "locked").items() if name.startswith("snapshots/")]
    assert len(backups) == 2
    assert all(refuses_to_delete(storage, path) for path in backups)
