"""Files are copied with all they have, put back as they were, and set aside where they could be sent twice."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import yaml

from listkit.backup import files, waiting

QUEUE, MISSING = Path("/var/lib/mailman3/queue"), Path("/var/lib/mailman3/ext")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A host with two posts in queues, and secrets."""
    for name in (
        "var/lib/mailman3/queue/out/1.pck",
        "var/lib/mailman3/queue/archive/2.pck",
        "etc/listkit/secrets/django_secret_key",
    ):
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "root/var/lib/mailman3/queue/out/1.pck").chmod(0o660)
    for name in ("backup_password", "mail_passwords", "rest_password", "tunnel_core_web"):
        (tmp_path / "root/etc/listkit/secrets" / name).write_text("the operator's")
    return tmp_path / "root"


def test_what_was_copied_is_put_back_and_nothing_else_stays(root: Path, tmp_path: Path):
    files.copy([QUEUE, MISSING], tmp_path / "copy", root)
    os.utime(root / "var/lib/mailman3/queue/out/1.pck", (1, 1))
    (root / "var/lib/mailman3/queue/out/of-another-site").write_text("")
    (root / "var/lib/mailman3/ext").mkdir()
    files.put_back(tmp_path / "copy", [QUEUE, MISSING], root)
    out = root / "var/lib/mailman3/queue/out"
    assert [path.name for path in out.iterdir()] == ["1.pck"]
    assert (out / "1.pck").stat().st_mode & 0o777 == 0o660 and (out / "1.pck").stat().st_mtime > 1
    assert not (root / "var/lib/mailman3/ext").exists()


def test_a_directory_that_a_fresh_host_lacks_is_closed_as_it_was(root: Path, tmp_path: Path):
    journal = root / "var/lib/private/listkit-bridge/journal.sqlite3"
    journal.parent.mkdir(parents=True)
    journal.write_text("delivered")
    journal.parents[1].chmod(0o700)
    bridge = Path("/var/lib/private/listkit-bridge")
    files.copy([bridge], tmp_path / "copy", root)
    (tmp_path / "fresh").mkdir()
    files.put_back(tmp_path / "copy", [bridge], tmp_path / "fresh")
    assert (tmp_path / "fresh/var/lib/private").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "fresh/var/lib/private/listkit-bridge/journal.sqlite3").read_text() == "delivered"


def test_only_the_hosts_own_secrets_are_put_back(root: Path, tmp_path: Path):
    files.copy([files.SECRETS], tmp_path / "copy", root)
    for secret in (root / "etc/listkit/secrets").iterdir():
        secret.write_text("new")
    (root / "etc/listkit/secrets").chmod(0o755)
    assert files.put_back_secrets(tmp_path / "copy", root) == ["django_secret_key"]
    assert (root / "etc/listkit/secrets/django_secret_key").read_text() != "new"
    # The operator's, and what another host has been given.
    for name in ("backup_password", "rest_password", "tunnel_core_web"):
        assert (root / "etc/listkit/secrets" / name).read_text() == "new"
    assert stat.S_IMODE((root / "etc/listkit/secrets").stat().st_mode) == 0o700


def test_mail_that_waited_is_set_aside_and_the_archives_queue_is_not(root: Path, tmp_path: Path):
    files.copy([QUEUE], tmp_path / "copy", root)
    assert files.set_aside(tmp_path / "copy", files.WAITING, tmp_path / "aside/1234abcd") == 1
    files.put_back(tmp_path / "copy", [QUEUE], root)
    assert not list((root / "var/lib/mailman3/queue/out").iterdir())
    assert list((root / "var/lib/mailman3/queue/archive").iterdir())
    assert waiting.count(tmp_path / "aside") == 1
    assert (tmp_path / "aside/1234abcd/var/lib/mailman3/queue/out/1.pck").exists()
    assert waiting.count(tmp_path / "none") == 0


def test_released_mail_is_where_it_waited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    aside, out = tmp_path / "aside", tmp_path / "queue/out"
    out.mkdir(parents=True)
    waited = aside / "1234abcd" / (out / "1.pck").relative_to("/")
    waited.parent.mkdir(parents=True)
    waited.write_text("a post")
    monkeypatch.setattr(waiting, "ASIDE", aside)
    monkeypatch.setattr(waiting, "HOLD", tmp_path / "hold")
    (tmp_path / "hold").mkdir()
    assert waiting.release() == 1
    assert (out / "1.pck").read_text() == "a post" and not aside.exists()


def test_the_texts_whose_paths_are_in_mailmans_database_are_put_back():
    variables = yaml.safe_load((Path(__file__).parents[3] / "roles/lists/vars/main.yml").read_text())
    assert Path(variables["_lists_templates_directory"]) in files.STATE
