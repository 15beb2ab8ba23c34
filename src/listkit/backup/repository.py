"""restic: an encrypted repository on S3-compatible storage, SFTP, a REST server, or a local path.

Secrets are in files that only root can read; neither an argument nor the environment holds one.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from listkit.backup import object_storage
from listkit.backup.configuration import SECRETS
from listkit.backup.errors import BackupError

CACHE = Path("/var/cache/listkit-backup")
TAG, PROBE = "listkit", "listkit-probe"
FORMAT = "2"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
"""A local time, to the minute."""
SHORT = 8
"""Letters of an id that restic shows. Debian 12's says no more about a new backup."""
PROBE_SECONDS = 20
"""restic repeats a refused request for minutes."""
SECONDS_WITHOUT_DATA = 120
"""How long an answer of the storage may take that has no backup's data in it."""

CAUSES = (
    (r"wrong password or no key found", "the password is not that of the repository: compare backup_password"),
    (r"config file already exists", "there is a repository already"),
    (r"no space left on device|quota|StorageFull|InsufficientStorage|507 ", "the storage is full"),
    (r"Host key verification failed",
     "the server's host key is not the one in backup_ssh_hosts_file: compare both with the server's own"),
    (r"AccessDenied|Access Denied|InvalidAccessKeyId|signature we calculated|401 |403 |Permission denied",
     "the storage refuses access: compare backup_user and backup_user_password, or the ssh key"),
    (r"connection refused|no such host|timeout|unreachable|connection reset|unexpected EOF|i/o|Connection closed",
     "the storage can't be reached"),
    (r"repository is already locked|unable to create lock", "another program has locked the repository"),
    (r"ciphertext verification failed|pack .* damaged|invalid data returned|hash mismatch|ID does not match|"
     r"contains errors|load\(<(data|index|snapshot)|not found in index|contains wrong|error for tree|broken",
     "the repository is damaged: docs/runbooks/backup.md#the-repository-is-damaged"),
)  # fmt: skip
"""Parts of restic's errors and what they mean; the first that occurs counts."""
MISSING = "Is there a repository at the following location|repository does not exist"


class NoRepository(BackupError):
    """There is no repository at this place."""


@dataclass(frozen=True)
class Snapshot:
    """A backup in the repository. id: as restic shows it, shortened; time: in seconds since 1970."""

    id: str
    time: float
    host: str


@dataclass(frozen=True)
class Stored:
    """What `Repository.store` has stored: all the bytes of the backup, and by how many the repository grew.

    Debian 12's restic counts the latter before it compresses them.
    """

    snapshot: str
    total_bytes: int
    stored_bytes: int


class Repository:
    """A restic repository. All methods raise BackupError."""

    def __init__(
        self, place: str, secrets: Path = SECRETS, cache: Path = CACHE, patience: float = SECONDS_WITHOUT_DATA
    ) -> None:
        """place: the repository without a password, which may be in the file that restic reads.

        patience: after how many seconds without an answer the storage counts as away.
        """
        self._patience = patience
        self._place = place
        self._secrets = secrets
        self._cache = cache

    def create(self) -> None:
        """Make a new repository."""
        self._restic("init", "--repository-version", FORMAT, timeout=self._patience)

    def snapshots(self) -> list[Snapshot]:
        """Return the backups, the oldest first."""
        # Reading needs no lock, and an append-only storage may keep an old one for long.
        answer = self._restic("snapshots", "--no-lock", "--json", "--tag", TAG, timeout=self._patience)
        found = [
            Snapshot(entry["short_id"], _seconds(entry["time"]), entry["hostname"]) for entry in json.loads(answer)
        ]
        return sorted(found, key=lambda snapshot: snapshot.time)

    def find(self, name: str) -> Snapshot:
        """Return the backup whose id begins so; "latest" is the newest, a local time (`TIME`) the newest until then."""
        known = self.snapshots()
        if not known:
            raise BackupError(f"{self._place} has no backup")
        if TIME.fullmatch(name):
            return self._newest_until(name, known)
        found = known[-1:] if name == "latest" else [snapshot for snapshot in known if snapshot.id.startswith(name)]
        if len(found) != 1:
            listed = ", ".join(snapshot.id for snapshot in known[-5:])
            raise BackupError(f"{name} is not the id of one backup; the newest are {listed}")
        return found[0]

    def _newest_until(self, time: str, known: Sequence[Snapshot]) -> Snapshot:
        try:
            until = datetime.fromisoformat(time).timestamp()
        except ValueError as error:
            raise BackupError(f"{time} is not a time, such as 2026-11-29T12:00") from error
        found = [snapshot for snapshot in known if snapshot.time <= until]
        if not found:
            oldest = datetime.fromtimestamp(known[0].time).strftime("%Y-%m-%dT%H:%M")
            raise BackupError(f"{self._place} has no backup until {time}; the oldest is of {oldest}")
        return found[-1]

    def store(self, directory: Path, host: str, time: float) -> Stored:
        """Store a directory as a new backup."""
        moment = datetime.fromtimestamp(time).strftime("%Y-%m-%d %H:%M:%S")
        # The files are copies: neither inode nor change time says whether one has changed since the last backup.
        same = ["--ignore-inode", "--ignore-ctime"]
        what = ["--host", host, "--tag", TAG, "--time", moment, "--one-file-system", str(directory)]
        lines = self._restic("backup", "--json", *same, *what).splitlines()
        summary = next(message for message in map(json.loads, lines) if message.get("message_type") == "summary")
        grown = summary.get("data_added_packed", summary["data_added"])
        return Stored(summary["snapshot_id"][:SHORT], summary["total_bytes_processed"], grown)

    def read(self, snapshot: str, path: Path) -> str:
        """Return the content of one small file of a backup."""
        return self._restic("dump", "--no-lock", snapshot, str(path), timeout=self._patience)

    @contextlib.contextmanager
    def lines(self, snapshot: str, path: Path) -> Iterator[Iterator[str]]:
        """The lines of a large file of a backup, for the duration of the block, which may leave the rest unread."""
        command = self._command("dump", "--no-lock", snapshot, str(path))
        with (
            tempfile.TemporaryFile("w+") as said,
            subprocess.Popen(
                command, env=self._environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said,
                encoding="utf-8", errors="replace",
            ) as restic,
        ):  # fmt: skip
            assert restic.stdout
            finished = False
            try:
                yield restic.stdout
                finished = not restic.stdout.read(1)
            finally:
                if not finished:
                    restic.kill()
            if finished and restic.wait():
                said.seek(0)
                raise self._error(said.read())

    def size(self, snapshot: str) -> int:
        """Return how many bytes the restored files of a backup have."""
        answer = self._restic("stats", "--no-lock", "--json", "--mode", "restore-size", snapshot)
        return json.loads(answer)["total_size"]

    def restore(self, snapshot: str, target: Path, include: Path) -> None:
        """Restore what is below `include` to the same path below `target`, and compare it with what was stored."""
        self._restic("restore", "--no-lock", "--verify", "--target", str(target), "--include", str(include), snapshot)

    def unpack(self, snapshot: str, target: Path, include: Path) -> None:
        """Restore what is below `include` to the same path below `target`, with the caller as the owner of all files.

        restic compares the data with their checksums.
        """
        target.mkdir(parents=True, exist_ok=True)
        extract = ["tar", "--extract", "--no-same-owner", "--no-same-permissions", f"--directory={target}"]
        with tempfile.TemporaryFile("w+") as said:
            with subprocess.Popen(extract, stdin=subprocess.PIPE, stderr=said, text=True) as tar:
                # At the end of the block, its input ends.
                self._restic("dump", "--no-lock", "--archive=tar", snapshot, str(include), stdout=tar.stdin)
            said.seek(0)
            if tar.returncode:
                raise BackupError(f"unpacking the backup failed: {said.readline().strip()}")

    def check(self, subset: str) -> None:
        """Compare the repository's parts with each other, and the data of a part of it with their checksums.

        subset: such as 1/7 or 100%.
        """
        self._restic("check", "--no-lock", f"--read-data-subset={subset}")

    def may_remove_backups(self, host: str) -> bool:
        """Make a backup of nothing, and try to remove it: return whether the storage lets this login do that.

        Where it doesn't, the attempt's backup stays, without being one of the site's.
        """
        with tempfile.TemporaryDirectory() as directory:
            what = ["--host", host, "--tag", PROBE, directory]
            lines = self._restic("backup", "--json", *what, timeout=self._patience).splitlines()
        made = next(m["snapshot_id"] for m in map(json.loads, lines) if m.get("message_type") == "summary")
        try:
            self._restic("forget", made, timeout=PROBE_SECONDS)
        except BackupError:
            # It was killed, and has left its lock. Whether the backup is still there says more than its reason.
            self._restic("unlock", timeout=self._patience)
        left = json.loads(self._restic("snapshots", "--no-lock", "--json", "--tag", PROBE, timeout=self._patience))
        return made[:SHORT] not in {entry["short_id"] for entry in left}

    def promises(self) -> list[str]:
        """Return what the storage says it does with what is overwritten or removed; only S3 can be asked."""
        if not self._place.startswith("s3:"):
            return []
        return [*object_storage.promises(self._place, self._secrets / "backup_credentials")]

    def forget(self, keep: str) -> None:
        """Remove the backups that are older than that, counted from the newest, and the data that no other needs."""
        self._restic("forget", "--tag", TAG, "--group-by", "host", f"--keep-within={keep}", "--prune")

    def _restic(self, *arguments: str, timeout: float | None = None, stdout: IO[str] | None = None) -> str:
        try:
            answer = subprocess.run(
                self._command(*arguments), env=self._environment(), stdin=subprocess.DEVNULL,
                stdout=stdout or subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            # It retries, and says why.
            said = (error.stderr or b"").decode(errors="replace")
            raise self._error(said or f"no answer within {timeout:.0f} s") from error
        if answer.returncode:
            raise self._error(answer.stderr or answer.stdout)
        return answer.stdout or ""

    def _command(self, *arguments: str) -> list[str]:
        return ["restic", *_options(self._place, self._secrets), *arguments]

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "RESTIC_REPOSITORY_FILE": str(self._secrets / "backup_repository"),
            "RESTIC_PASSWORD_FILE": str(self._secrets / "backup_password"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self._secrets / "backup_credentials"),
            "RESTIC_CACHE_DIR": str(self._cache),
        }

    def _error(self, said: str) -> BackupError:
        """Return the error that fits what restic said. The repository's URL may hold a password."""
        for secret in (self._secrets / "backup_repository").read_text().split():
            said = said.replace(secret, self._place)
        lines = [_message(line) for line in said.splitlines() if line.strip() and not line.startswith("created new")]
        words = " ".join(lines[:3])
        cause = next((cause for pattern, cause in CAUSES if re.search(pattern, said, re.I)), "")
        # restic asks that question about each failure to read the first file.
        kind = NoRepository if re.search(MISSING, said) and not cause else BackupError
        return kind(f"{self._place}: {cause or 'restic failed'} ({words})")


def _message(line: str) -> str:
    """Return a line of restic's without the JSON in which Debian 13's wraps an error."""
    try:
        return str(json.loads(line)["message"]).replace("\n", " ")
    except (ValueError, KeyError, TypeError):
        return line.strip()


def _options(place: str, secrets: Path) -> Iterator[str]:
    """Yield the options that the kind of storage needs."""
    if place.startswith("s3:"):
        yield from ("-o", "s3.bucket-lookup=path")
    if place.startswith("sftp:"):
        known, key = secrets / "backup_ssh_hosts", secrets / "backup_ssh_key"
        login, port = _ssh_login(place)
        ssh = f"ssh -p {port} -i {key} -o BatchMode=yes -o UserKnownHostsFile={known} -o StrictHostKeyChecking=yes"
        yield from ("-o", f"sftp.command={ssh} -o ServerAliveInterval=60 -o ConnectTimeout=30 {login} -s sftp")


def _ssh_login(place: str) -> tuple[str, str]:
    """Return login and port of `sftp:user@host:/path` or `sftp://user@host:port//path`."""
    found = re.fullmatch(r"sftp:(?://([^/:]+)(?::(\d+))?/.*|([^/:]+):.*)", place)
    if not found:
        raise BackupError(f"{place} is not a repository; for example: sftp:backup@backup.example.org:/srv/listkit")
    return found[1] or found[3], found[2] or "22"


def _seconds(text: str) -> float:
    """Read restic's time, which has nanoseconds."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", text)).timestamp()
