"""Files of the status page in a directory of the test's, for its own group."""

import grp
import os
from types import SimpleNamespace

import pytest

from listkit.status import publishing, report, services


@pytest.fixture
def files(monkeypatch, tmp_path):
    """Where the report, the services' states and the pages are."""
    group = grp.getgrgid(os.getgid()).gr_name
    monkeypatch.setattr(report, "READERS", group)
    monkeypatch.setattr(publishing, "READERS", group)
    monkeypatch.setattr(report, "PATH", tmp_path / "status/report.json")
    monkeypatch.setattr(services, "PATH", tmp_path / "status/services.json")
    monkeypatch.setattr(publishing, "ROOT", tmp_path / "status-pages")
    return SimpleNamespace(report=report.PATH, services=services.PATH, pages=publishing.ROOT)
