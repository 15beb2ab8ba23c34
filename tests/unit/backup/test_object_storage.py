"""What S3-compatible storages answer about versions and object lock, in words. tests/terraform asks a real one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from listkit.backup import object_storage
from listkit.backup.errors import BackupError

LOCKED = (
    "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>"
    "<Mode>{}</Mode>{}</DefaultRetention></Rule></ObjectLockConfiguration>"
)
Serve = Callable[[int, str], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server that gives the same answer to each question; returns the repository there."""
    answer = (200, "")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answer[0])
            self.end_headers()
            self.wfile.write(answer[1].encode())

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def change(status: int, body: str) -> str:
        nonlocal answer
        answer = (status, body)
        return f"s3:http://127.0.0.1:{server.server_port}/bucket/folder"

    yield change
    server.shutdown()
    server.server_close()


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    """The file that the role writes."""
    path = tmp_path / "backup_credentials"
    path.write_text("[default]\naws_access_key_id = host\naws_secret_access_key = not-for-logs%\n")
    return path


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (
            200,
            LOCKED.format("COMPLIANCE", "<Days>30</Days>"),
            "no key can destroy what was stored within the last 30 days;",
        ),
        (200, LOCKED.format("COMPLIANCE", "<Years>1</Years>"), "within the last 1 year;"),
        (200, LOCKED.format("GOVERNANCE", "<Days>30</Days>"), "only a key that may bypass the retention"),
        (404, "<Error><Code>ObjectLockConfigurationNotFoundError</Code></Error>", "object lock: off"),
        (403, "<Error><Code>AccessDenied</Code></Error>", "unknown; the storage answers AccessDenied"),
        (501, "", "unknown; the storage answers 501"),
    ],
)
def test_the_answer_about_object_lock_is_explained(serve: Serve, credentials: Path, status: int, body: str, said: str):
    assert said in [*object_storage.promises(serve(status, body), credentials)][1]


def test_a_storage_that_cannot_be_reached_is_an_error_without_the_key(credentials: Path):
    with pytest.raises(BackupError, match="the storage can't be reached") as why:
        [*object_storage.promises("s3:http://127.0.0.1:1/bucket", credentials)]
    assert "not-for-logs" not in str(why.value)
