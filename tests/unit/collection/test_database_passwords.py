"""PostgreSQL's users get the passwords that are kept on the host, once."""

from __future__ import annotations

import pytest
from ansible_collections.listkit.host.plugins.module_utils import host_secrets
from ansible_collections.listkit.host.plugins.modules import database_passwords, shared_secrets

# RFC 7677, section 3: user `user`, password `pencil`.
SALT = b"[m\x99h\x9d\x125\x8e\xec\xa0K\x14\x126\xfa\x81"
RFC_VERIFIER = (
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
    "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
)


class FakeDatabase:
    """Stands for PostgreSQL: remembers what is stored."""

    def __init__(self, known: dict[str, str]):
        self.known = known

    def stored(self) -> dict[str, str]:
        """What there is."""
        return self.known

    def store(self, verifiers: dict[str, str]) -> None:
        """Take it."""
        self.known.update(verifiers)


@pytest.fixture
def secret(monkeypatch):
    """The value of the secret `word`."""
    monkeypatch.setattr(host_secrets, "read", lambda name: {"word": "pencil"}.get(name))


def test_the_verifier_is_that_of_the_standard():
    assert database_passwords.verifier("pencil", SALT) == RFC_VERIFIER


@pytest.mark.parametrize("known", ["", "md5abc", "SCRAM-SHA-256$x", RFC_VERIFIER.replace("WG5d", "WG5e")])
def test_another_password_does_not_fit(known):
    assert not database_passwords.fits("pencil", known)


def test_a_password_is_set_once(secret, fake_module):
    module, database = fake_module(passwords={"list": "word"}), FakeDatabase({"list": ""})
    assert database_passwords.converge(module, database) == {"changed": True, "users": ["list"]}
    assert database_passwords.fits("pencil", database.known["list"])
    assert "pencil" not in database.known["list"]
    assert database_passwords.converge(module, database) == {"changed": False, "users": []}


def test_check_mode_sets_nothing(secret, fake_module):
    database = FakeDatabase({})
    module = fake_module(check_mode=True, passwords={"list": "word", "www-data": "missing"})
    assert database_passwords.converge(module, database)["users"] == ["list", "www-data"]
    assert database.known == {}


def test_a_secret_is_carried_once(tmp_path, fake_module):
    there, here = str(tmp_path / "there"), str(tmp_path / "here")
    made = shared_secrets.converge(fake_module(read=["word"], keep={}, directory=there))
    assert made["changed"]
    assert made == {**made, "secrets": {"word": host_secrets.read("word", there)}}
    module = fake_module(read=[], keep=made["secrets"], directory=here)
    assert [shared_secrets.converge(module)["changed"] for _ in range(2)] == [True, False]
    assert host_secrets.read("word", here) == host_secrets.read("word", there)
    assert (tmp_path / "here" / "word").stat().st_mode & 0o777 == 0o600
