"""A repository in a directory."""

from __future__ import annotations

from pathlib import Path

import pytest
from backup_repositories import repository_at

from listkit.backup.repository import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A place for a repository, where there is none yet."""
    return repository_at(str(tmp_path / "repository"), tmp_path / "secrets")
