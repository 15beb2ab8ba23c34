"""The sources of a record, with known figures."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from report_sources import LOG, answer, fill_journal, fill_ledger

from listkit.common.rest import RestClient
from listkit.report import gathering
from listkit.report.gathering import Sources


@pytest.fixture
def client() -> Iterator[RestClient]:
    """Mailman's REST API."""

    class Api(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = answer(self.path)
            self.send_response(404 if found is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield RestClient("secret", f"http://127.0.0.1:{server.server_port}/3.1")
        server.shutdown()


@pytest.fixture
def sources(tmp_path: Path, client: RestClient, monkeypatch) -> Sources:
    """The sources of YESTERDAY."""
    log = tmp_path / "log"
    log.mkdir()
    (log / "mailman.log").write_text(LOG)
    budget = tmp_path / "budget.json"
    account = {"address": "lists@x.test", "limit": 100, "reserve": 10, "strangers": 5}
    site = {
        "window": 86400, "queue_lifetime": 432000, "list_domains": ["x.test"], "sub_addresses": ["bounces"],
        "answers": {"per_recipient": 2, "per_list_and_hour": 10},
        "accounts": [{**account, "lists": [{"address": "dev@x.test", "recipients_per_day": 20}]}],
    }  # fmt: skip
    budget.write_text(json.dumps(site))
    archive = tmp_path / "archive-status"
    archive.write_text("#!/bin/sh\necho hello\necho '{\"posts\": 747}'\n")
    archive.chmod(0o755)
    monkeypatch.setattr(gathering, "ARCHIVE_STATUS", (str(archive),))
    found = Sources(lambda: client, log, tmp_path / "ledger.sqlite3", budget, tmp_path / "journal.sqlite")
    fill_ledger(tmp_path / "ledger.sqlite3")
    fill_journal(tmp_path / "journal.sqlite")
    return found
