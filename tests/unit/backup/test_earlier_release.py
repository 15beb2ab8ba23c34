"""The way back from a later release: which columns come along, and what is done with the tables around that."""

from __future__ import annotations

from pathlib import Path

import pytest

from listkit.backup import databases, earlier_release
from listkit.backup.configuration import Database
from listkit.backup.errors import BackupError

HERE = {"domain": ["id", "mail_host"], "pended": ["id"], "user": ["id", "name"]}
LATER = {"domain": ["base_url", "id", "mail_host"], "user": ["id", "name"], "webauthn": ["id"]}


def test_what_both_releases_can_store_comes_along():
    assert earlier_release.shared(HERE, LATER) == {"domain": ["id", "mail_host"], "user": ["id", "name"]}


def test_every_table_here_is_emptied_and_new_rows_get_free_numbers():
    _, truncate = earlier_release.emptying(HERE)
    assert truncate == 'TRUNCATE "domain", "pended", "user"'
    assert "'\"user\"', 'id'" in "".join(earlier_release.numbering(["user"]))


def test_databases_on_another_host_are_refused(tmp_path: Path):
    with pytest.raises(BackupError, match="not on this host"):
        earlier_release.load(Database("host=db dbname=mailman3", ""), tmp_path / "core.sql")


def test_a_dump_of_a_later_postgresql_loses_the_setting_that_an_earlier_one_refuses(tmp_path: Path):
    dump = tmp_path / "core.sql"
    setting = "SET transaction_timeout = 0;\n"
    dump.write_text(f"--\n{setting}SET row_security = off;\n" + "row\n" * 60 + setting)
    with databases._piped(b"first;\n", dump) as content:
        assert content.read().decode() == "first;\n" + dump.read_text().replace(setting, "", 1)
