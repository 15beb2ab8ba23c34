"""The command runs as the user that the database knows, and refuses in words what it can't do."""

import os
from types import SimpleNamespace

import pytest
from test_archive_importing import CASES, FakeArchive

from listkit.archive import cli, store
from listkit.archive.importing import Import
from listkit.web import search_index
from listkit.web.user import NotAllowed


@pytest.fixture
def web_user(monkeypatch):
    """The command runs as the user that the database knows already."""
    monkeypatch.setattr(cli, "become_web_user", lambda: None)


def test_another_user_is_refused(monkeypatch, capsys):
    def refuse():
        raise NotAllowed("run it as root or www-data")

    monkeypatch.setattr(cli, "become_web_user", refuse)
    assert cli.main(["status"]) == 2
    assert "run it as root or www-data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--list", "Members@Example.org"], "'Members@Example.org' is not a list's address in lower case"),
        (["--domain", "example.org"], "is not a Mailman 2 tree"),
        (["--list", "members@example.org"], "holds no messages"),
    ],
)
def test_what_cannot_be_imported_is_refused_before_django_is_loaded(
    web_user, monkeypatch, capsys, tmp_path, arguments, problem
):
    monkeypatch.setattr(os, "nice", lambda increment: 0)
    monkeypatch.setattr(cli, "_load_django", lambda: pytest.fail("Django was loaded"))
    assert cli.main(["import", *arguments, str(tmp_path)]) == 2
    assert problem in capsys.readouterr().err


class TestAnImport:
    """What becomes of an import, with Mailman, the database and the search index replaced."""

    @pytest.fixture
    def host(self, web_user, monkeypatch):
        """Lists by address; `missing`: how many posts the index lacks; `ended`: whether each list's import was."""
        host = SimpleNamespace(lists={"a@example.org": FakeArchive()}, missing=300, ended=[])

        class ListArchive:
            def __init__(self, address, *, dry_run):
                if address not in host.lists:
                    raise store.StoreError(f"Mailman has no list {address}")
                archive = host.lists[address]
                self.stored, self.add, self.finish = archive.stored, archive.add, lambda: host.ended.append(address)

        def update(most, wait_seconds):
            host.missing = max(0, host.missing - most)
            return host.missing

        monkeypatch.setattr(os, "nice", lambda increment: 0)
        monkeypatch.setattr(cli, "_load_django", lambda: None)
        monkeypatch.setattr(store, "ListArchive", ListArchive)
        monkeypatch.setattr(search_index, "update", update)
        return host

    def test_it_ends_with_the_figures_and_every_post_of_every_list_indexed(self, host, capsys):
        assert cli.main(["import", "--list", "a@example.org", str(CASES / "good.mbox.gz")]) == 0
        assert capsys.readouterr().out == (
            "a@example.org: 3 messages read: 3 added, 0 already in the archive, 0 not added\n"
        )
        assert (host.ended, host.missing) == (["a@example.org"], 0)

    def test_a_failure_in_the_middle_leaves_no_post_out_of_the_index(self, host, capsys, monkeypatch):
        def fail(posts):
            raise store.StoreError("the database lost 3 posts")

        host.lists["a@example.org"].add = fail
        assert cli.main(["import", "--list", "a@example.org", str(CASES / "good.mbox.gz")]) == 2
        assert "the database lost 3 posts" in capsys.readouterr().err
        assert (host.ended, host.missing) == (["a@example.org"], 0)

    def test_figures_that_do_not_add_up_fail_the_run(self, host, capsys, monkeypatch):
        monkeypatch.setattr(Import, "_add", lambda self, batch: None)
        assert cli.main(["import", "--list", "a@example.org", str(CASES / "good.mbox.gz")]) == 1
        assert "a@example.org: the figures don't add up" in capsys.readouterr().out

    def test_a_file_that_is_no_mail_fails_the_run(self, host, tmp_path):
        (tmp_path / "notes").write_text("Buy plums\n")
        assert cli.main(["import", "--list", "a@example.org", str(tmp_path / "notes"), str(CASES / "one.eml")]) == 1
        assert len(host.lists["a@example.org"].posts) == 1

    def test_check_mode_changes_nothing(self, host, capsys):
        assert cli.main(["import", "--check", "--list", "a@example.org", str(CASES / "good.mbox.gz")]) == 0
        assert "3 messages read: 3 would be added," in capsys.readouterr().out
        assert (host.lists["a@example.org"].posts, host.ended, host.missing) == ({}, [], 300)

    def test_a_list_that_mailman_lacks_is_named_before_another_one_is_imported(self, host, capsys, tmp_path):
        for name in ("a", "b"):
            (tmp_path / f"{name}.mbox").mkdir()
            (tmp_path / f"{name}.mbox/{name}.mbox").write_bytes((CASES / "crash-subject.mbox").read_bytes())
        assert cli.main(["import", "--domain", "example.org", str(tmp_path)]) == 2
        assert "Mailman has no list b@example.org" in capsys.readouterr().err
        assert host.lists["a@example.org"].posts == {}
        host.lists["b@example.org"] = FakeArchive()
        assert cli.main(["import", "--domain", "example.org", str(tmp_path)]) == 0
        assert [len(archive.posts) for archive in host.lists.values()] == [8, 8]
