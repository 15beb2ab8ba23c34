"""What restic stores is read back; every failure is named, and its secrets are not."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from backup_repositories import PASSWORD, repository_at

from lab.commands import wait_for
from listkit.backup import repository as repository_module
from listkit.backup.errors import BackupError
from listkit.backup.repository import NoRepository, Repository, _options

LOGIN = "user:not-for-logs"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    directory = tmp_path / "staging"
    (directory / "files").mkdir(parents=True)
    (directory / "manifest.json").write_text("{}")
    (directory / "files" / "post").write_bytes(os.urandom(300_000))
    return directory


@pytest.fixture
def append_only(tmp_path: Path) -> Iterator[tuple[Repository, str]]:
    """A repository on a REST server that adds and never removes, and its URL with the login."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    user, password = LOGIN.split(":")
    command = ["rclone", "serve", "restic", "--append-only", "--addr", f"127.0.0.1:{port}", "--user", user]
    server = subprocess.Popen(
        [*command, str(tmp_path / "store")], env={**os.environ, "RCLONE_PASS": password, "HOME": str(tmp_path)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "the REST server", 20)
        url = f"rest:http://127.0.0.1:{port}/listkit/"
        full = url.replace("//", f"//{LOGIN}@")
        yield repository_at(url, tmp_path / "rest", backup_repository=full), full
    finally:
        server.terminate()
        server.wait(10)


def test_a_backup_is_found_read_restored_and_checked(repository: Repository, data: Path, tmp_path: Path):
    repository.create()
    moment = time.time() - 3600
    stored = repository.store(data, "lists.example.org", moment)
    assert stored.total_bytes >= 300_000 < stored.stored_bytes
    [snapshot] = repository.snapshots()
    assert (snapshot.id, snapshot.host, int(snapshot.time)) == (stored.snapshot, "lists.example.org", int(moment))
    assert repository.find("latest") == repository.find(snapshot.id[:8]) == snapshot
    assert repository.read(snapshot.id, data / "manifest.json") == "{}"
    assert repository.size(snapshot.id) == 300_002
    target = tmp_path / "target"
    repository.restore(snapshot.id, target, data)
    assert (target / data.relative_to("/") / "files/post").read_bytes() == (data / "files/post").read_bytes()
    unpacked = tmp_path / "unpacked"
    repository.unpack(snapshot.id, unpacked, data)
    assert (unpacked / data.relative_to("/") / "files/post").read_bytes() == (data / "files/post").read_bytes()
    repository.check("100%")
    # What is there already is not stored again.
    again = repository.store(data, "lists.example.org", time.time())
    assert again.stored_bytes < 10_000


def test_a_large_file_is_read_only_as_far_as_it_is_wanted(repository: Repository, data: Path):
    (data / "web.sql").write_text("first\n" + "x" * 99 + "\n" * 5_000_000)
    repository.create()
    snapshot = repository.store(data, "lists.example.org", time.time()).snapshot
    with repository.lines(snapshot, data / "web.sql") as lines:
        assert next(lines) == "first\n"
    with repository.lines(snapshot, data / "manifest.json") as lines:
        assert [*lines] == ["{}"]
    with (
        pytest.raises(BackupError, match=r"core\.sql"),
        repository.lines(snapshot, data / "core.sql") as lines,
    ):
        assert [*lines] == []


def test_ids_that_name_no_backup_are_refused(repository: Repository, data: Path):
    repository.create()
    with pytest.raises(BackupError, match="has no backup"):
        repository.find("latest")
    stored = repository.store(data, "lists.example.org", time.time())
    with pytest.raises(BackupError, match=rf"^0000 is not the id of one backup; the newest are {stored.snapshot}$"):
        repository.find("0000")


def test_a_time_chooses_the_newest_backup_until_then(repository: Repository, data: Path):
    repository.create()
    moments = [datetime(2026, 11, day, 2, 30) for day in (28, 29)]
    first, second = (repository.store(data, "a.example.org", moment.timestamp()).snapshot for moment in moments)
    for time_, expected in (("28T02:30", first), ("29T02:29", first), ("29T02:30", second), ("30T00:00", second)):
        assert repository.find(f"2026-11-{time_}").id == expected
    with pytest.raises(BackupError, match="has no backup until 2026-11-28T02:29; the oldest is of 2026-11-28T02:30"):
        repository.find("2026-11-28T02:29")
    with pytest.raises(BackupError, match="2026-13-01T00:00 is not a time, such as 2026-11-29T12:00"):
        repository.find("2026-13-01T00:00")


def test_old_backups_are_forgotten_counted_from_the_newest(repository: Repository, data: Path):
    repository.create()
    day = 86_400
    ids = [repository.store(data, "lists.example.org", time.time() - days * day).snapshot for days in (20, 12, 10)]
    repository.forget("5d")
    assert [snapshot.id for snapshot in repository.snapshots()] == ids[1:]


def test_a_missing_repository_is_distinguished_from_a_wrong_password(repository: Repository, tmp_path: Path):
    with pytest.raises(NoRepository):
        repository.snapshots()
    repository.create()
    (tmp_path / "secrets/backup_password").write_text("another-password\n")
    with pytest.raises(BackupError, match="the password is not that of the repository: compare backup_password") as why:
        repository.snapshots()
    assert not isinstance(why.value, NoRepository)
    assert "another-password" not in str(why.value)


def largest(directory: Path) -> Path:
    """The pack with the post; restic tries for minutes to read a lost one with names."""
    return max((path for path in directory.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


def test_a_damaged_pack_is_found(repository: Repository, data: Path, tmp_path: Path):
    repository.create()
    repository.store(data, "lists.example.org", time.time())
    pack = largest(tmp_path / "repository/data")
    pack.chmod(0o600)
    content = bytearray(pack.read_bytes())
    content[1000] ^= 0xFF
    pack.write_bytes(content)
    with pytest.raises(BackupError, match="the repository is damaged: docs/runbooks/backup"):
        repository.check("100%")
    with pytest.raises(BackupError):
        repository.restore("latest", tmp_path / "target", data)


def test_a_lost_pack_is_found(repository: Repository, data: Path, tmp_path: Path):
    repository.create()
    repository.store(data, "lists.example.org", time.time())
    largest(tmp_path / "repository/data").unlink()
    with pytest.raises(BackupError, match="the repository is damaged"):
        repository.check("1/7")


def test_a_storage_that_is_away_is_reported_without_its_password(tmp_path: Path):
    url = "rest:http://127.0.0.1:1/listkit/"
    full = "rest:http://user:not-for-logs@127.0.0.1:1/listkit/"
    repository = repository_at(url, tmp_path / "away", patience=3, backup_repository=full)
    with pytest.raises(BackupError, match="the storage can't be reached") as why:
        repository.create()
    assert str(why.value).startswith(url) and "not-for-logs" not in str(why.value)


def test_the_hosts_own_login_cannot_destroy_the_past(append_only, data: Path, tmp_path: Path):
    repository, full = append_only
    repository.create()
    kept = repository.store(data, "lists.example.org", time.time() - 86_400 * 400).snapshot
    (data / "files/post").write_text("the attacker's")
    repository.store(data, "lists.example.org", time.time())
    # All that an attacker on the host can ask the storage for.
    for path in sorted((tmp_path / "store/listkit").rglob("*")):
        if path.is_file():
            kind_and_name = "/".join(path.relative_to(tmp_path / "store/listkit").parts)
            # The server keeps data in directories that the protocol does not show.
            asked = re.sub(r"^data/../", "data/", kind_and_name)
            assert refused(full, "DELETE", asked) and refused(full, "POST", asked), asked
    assert len(repository.snapshots()) == 2
    repository.restore(kept, tmp_path / "target", data)
    assert (tmp_path / "target" / data.relative_to("/") / "files/post").stat().st_size == 300_000


def test_whether_the_hosts_login_may_remove_backups_is_tried(
    append_only, repository: Repository, data: Path, monkeypatch: pytest.MonkeyPatch
):
    adding, _url = append_only
    for storage, may in ((repository, True), (adding, False)):
        storage.create()
        if not may:
            monkeypatch.setattr(repository_module, "PROBE_SECONDS", 3)
        stored = storage.store(data, "lists.example.org", time.time())
        assert storage.may_remove_backups("lists.example.org") is may
        assert [snapshot.id for snapshot in storage.snapshots()] == [stored.snapshot]


def refused(url: str, method: str, path: str) -> bool:
    """Whether the server refuses a request that has the host's login."""
    parts = urlsplit(url.removeprefix("rest:"))
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    login = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
    connection.request(method, parts.path + path, b"garbage", {"Authorization": f"Basic {login}"})
    return connection.getresponse().status == 403


@pytest.mark.parametrize(
    ("place", "login"),
    [
        ("sftp:backup@backup.example.org:/srv/listkit", "-p 22 .* backup@backup.example.org -s sftp"),
        ("sftp://backup@backup.example.org:2222//srv/listkit", "-p 2222 .* backup@backup.example.org -s sftp"),
    ],
)
def test_ssh_logs_in_with_the_kits_key_and_known_host(place: str, login: str):
    [_, command] = _options(place, Path("/etc/listkit/secrets"))
    assert re.search(login, command)
    assert "-i /etc/listkit/secrets/backup_ssh_key" in command
    assert "StrictHostKeyChecking=yes" in command


def test_s3_is_asked_with_paths_and_not_with_names_of_buckets():
    assert [*_options("s3:https://s3.example.org/bucket", Path("/"))] == ["-o", "s3.bucket-lookup=path"]


@pytest.mark.parametrize(("told", "grown"), [({}, 900), ({"data_added_packed": 300}, 300)])
def test_the_growth_of_the_repository_is_that_of_its_files_if_restic_tells_it(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, told: dict[str, int], grown: int
):
    summary = {"message_type": "summary", "snapshot_id": "1234abcdef", "total_bytes_processed": 900, "data_added": 900}
    monkeypatch.setattr(repository, "_restic", lambda *_words, **_options: json.dumps(summary | told))
    assert repository.store(Path("/srv"), "lists.example.org", 0).stored_bytes == grown


def test_an_error_in_json_is_shown_as_text(repository: Repository):
    said = '{"message_type":"exit_error","code":10,"message":"Fatal: repository does not exist:\\nno file"}'
    error = repository._error(said)
    assert isinstance(error, NoRepository) and str(error).endswith("(Fatal: repository does not exist: no file)")


def test_secrets_are_in_no_argument_and_no_environment(repository: Repository):
    assert PASSWORD not in str(repository._environment())
