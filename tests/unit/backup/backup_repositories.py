"""Real repositories, made by Debian's restic."""

from __future__ import annotations

from pathlib import Path

from listkit.backup.repository import Repository

PASSWORD = "the-repository-password"


def repository_at(place: str, directory: Path, patience: float = 20, **secrets: str) -> Repository:
    """A repository with its secrets in files, as the role writes them."""
    directory.mkdir(parents=True, exist_ok=True)
    given = {"backup_repository": place, "backup_password": PASSWORD, **secrets}
    for name, content in given.items():
        (directory / name).write_text(content + "\n")
    return Repository(place, secrets=directory, cache=directory / "cache", patience=patience)
