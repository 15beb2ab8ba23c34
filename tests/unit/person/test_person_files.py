"""Files that programs write to: logs, queues, and the records of the bridge and the budget, by their own classes."""

import gzip
import json
import sqlite3
from mailbox import MMDF

import pytest

from listkit.bridge.config import Folders, Mailbox
from listkit.bridge.journal import Journal
from listkit.budget.answers import Answered
from listkit.budget.ledger import Ledger
from listkit.common.answers import Answer
from listkit.person import core, files, mailbox, parts, records, relay
from listkit.person.digest import clean_digest
from listkit.person.identity import Person
from listkit.person.redaction import Redactor

ANA = Person(frozenset({"ana@example.org"}), frozenset({"Ana Lopez"}), "removed-1@removed.invalid")
LINE = b"Nov 30 post from ana@example.org (Ana Lopez)\n"


def found(directory):
    return sorted(path.name for path in files.naming(Redactor(ANA), directory))


class TestLogs:
    def test_the_person_is_filled_over_while_a_program_writes(self, tmp_path):
        log = tmp_path / "mailman.log"
        log.write_bytes(LINE)
        inode = log.stat().st_ino
        with log.open("ab") as program:
            files.fill_over(Redactor(ANA), log)
            program.write(b"later\n")
        assert log.read_bytes() == b"Nov 30 post from xxxxxxxxxxxxxxx (xxxxxxxxx)\nlater\n"
        assert log.stat().st_ino == inode and found(tmp_path) == []

    def test_a_compressed_log_keeps_its_owner_and_time(self, tmp_path, monkeypatch):
        owners = []
        monkeypatch.setattr(files.os, "chown", lambda path, user, group: owners.append((path, user, group)))
        log = tmp_path / "mailman.log.2.gz"
        log.write_bytes(gzip.compress(LINE))
        log.chmod(0o640)
        before = log.stat()
        assert found(tmp_path) == ["mailman.log.2.gz"]
        files.fill_over(Redactor(ANA), log)
        after = log.stat()
        assert b"ana@" not in gzip.decompress(log.read_bytes()) and found(tmp_path) == []
        assert (after.st_mode, after.st_mtime) == (before.st_mode, before.st_mtime)
        assert owners == [(log, before.st_uid, before.st_gid)]

    def test_a_name_on_the_edge_of_a_piece_is_found_and_filled(self, tmp_path, monkeypatch):
        monkeypatch.setattr(files, "BLOCK_OCTETS", 4096)
        log = tmp_path / "large.log"
        log.write_bytes(b"." * 4089 + LINE[16:] + b"." * 9000 + LINE)
        assert found(tmp_path) == ["large.log"]
        files.fill_over(Redactor(ANA), log)
        assert found(tmp_path) == [] and b"example" not in log.read_bytes()
        assert log.stat().st_size == 4089 + 9000 + 2 * len(LINE) - 16

    def test_files_that_belong_to_no_part_are_named(self, tmp_path, monkeypatch):
        for folder in ("home", "home/log", "var"):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "members.csv").write_bytes(LINE)
        monkeypatch.setattr(parts, "ELSEWHERE", (tmp_path / "home",))
        monkeypatch.setattr(parts, "OF_OTHER_PARTS", (tmp_path / "home/log",))
        [elsewhere] = [part for part in parts.parts() if part.name == "other files"]
        assert [one.text for one in elsewhere.find(ANA).findings] == [str(tmp_path / "home/members.csv")]

    def test_what_is_not_what_its_name_says_is_left(self, tmp_path):
        (tmp_path / "broken.gz").write_bytes(b"no gzip")
        (tmp_path / "link").symlink_to(tmp_path / "nowhere")
        (tmp_path / "skipped").mkdir()
        (tmp_path / "skipped" / "a.log").write_bytes(LINE)
        assert list(files.naming(Redactor(ANA), tmp_path, leave_out=[tmp_path / "skipped"])) == []


class TestBridgeJournal:
    def refuse(self, path):
        journal = Journal(path)
        for author in ("Ana Lopez <ana@example.org>", "ben@example.org"):
            journal.record_refusal("lists@example.org", "dev-owner@example.org", author, "Plums", "Unrouted", "no list")
        return journal

    def test_refusals_of_the_person_are_deleted_while_the_bridge_runs(self, tmp_path):
        path = tmp_path / records.JOURNAL
        journal = self.refuse(path)
        assert [one.text for one in records.refusals(ANA, path)] == ["Ana Lopez <ana@example.org>: Plums"]
        records.erase_refusals(ANA, path)
        assert records.refusals(ANA, path) == []
        [left] = journal.due_refusals("lists@example.org", 0, 0)["dev-owner@example.org"]
        assert left.author == "ben@example.org"
        assert found(tmp_path) == []


class TestLedger:
    def test_the_persons_address_is_replaced_in_answers_and_replies(self, tmp_path):
        path = tmp_path / "ledger.sqlite3"
        ledger = Ledger(path)
        for queue_id, people in (("A1", {"ana@example.org", "ben@example.org"}), ("B2", {"ben@example.org"})):
            ledger.admit(Answered(queue_id, "lists@example.org", Answer.STRANGER, "dev", frozenset(people), 1.0))
        with sqlite3.connect(path) as database:
            row = ("A1", "lists@example.org", "quota", "550 no such user ana@example.org", 1.0, 1.0, 1, 0)
            database.execute("insert into refusal values (?, ?, ?, ?, ?, ?, ?, ?)", row)
        assert len(records.answers(ANA, path)) == 1
        records.erase_answers(ANA, path)
        assert records.answers(ANA, path) == []
        answers = {one.queue_id: one.recipients for one in ledger.answers(0)}
        assert answers == {"A1": {"ben@example.org", ANA.alias}, "B2": {"ben@example.org"}}
        assert found(tmp_path) == []


class TestDigest:
    @staticmethod
    def message(author: str, text: str) -> str:
        return f"From: {author}\nTo: dev@example.org\nSubject: Plums\n\n{text}\n"

    def test_the_persons_posts_go_and_others_no_longer_name_them(self, tmp_path):
        digest = MMDF(tmp_path / "digest.mmdf")
        for author, text in (
            ("Ana Lopez <ana@example.org>", "mine"),
            ("ben@example.org", "Ana Lopez wrote"),
            ("c@c.test", "other"),
        ):
            digest.add(self.message(author, text))
        digest.close()
        clean_digest(tmp_path / "digest.mmdf", ANA)
        texts = [message.get_payload(decode=True).decode() for message in MMDF(tmp_path / "digest.mmdf")]
        assert texts == ["(name removed) wrote\n", "other\n"] and found(tmp_path) == []
        assert [path.name for path in tmp_path.iterdir()] == ["digest.mmdf"]

    def test_no_empty_digest_is_left(self, tmp_path):
        digest = MMDF(tmp_path / "digest.mmdf")
        digest.add(self.message("ana@example.org", "mine"))
        digest.close()
        clean_digest(tmp_path / "digest.mmdf", ANA)
        assert list(tmp_path.iterdir()) == []


def test_only_messages_that_mailman_has_set_aside_are_deleted(tmp_path):
    for queue in ("in", "shunt", "bad"):
        (tmp_path / queue).mkdir()
        (tmp_path / queue / "1.pck").write_bytes(b"\x80\x04X" + LINE)
        (tmp_path / queue / "2.pck").write_bytes(b"of ben@example.org")
    core.erase_set_aside(ANA, tmp_path)
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.pck"))
    assert left == ["bad/2.pck", "in/1.pck", "in/2.pck", "shunt/2.pck"]


def test_a_message_to_others_too_stays_in_postfixs_queue():
    listing = "\n".join(
        json.dumps({"queue_id": queue_id, "recipients": [{"address": address} for address in addresses]})
        for queue_id, addresses in (
            ("A", ["Ana@example.org"]),
            ("B", ["ana@example.org", "b@b.test"]),
            ("C", ["b@b.test"]),
        )
    )
    assert relay.only_to(ANA, listing) == ["A"]


class Server:
    """As much of an IMAP server as matters here: folders with texts."""

    def __init__(self, **folders):
        self.folders, self.selected = folders, ""

    def select(self, folder):
        self.selected = folder
        return folder if folder in self.folders else None

    def search(self, criteria):
        _, field, text = criteria.split(" ", 2)
        texts = self.folders[self.selected].items()
        wanted = text.strip('"') if field == "TEXT" else f"From: {text.strip(chr(34))}"
        return [uid for uid, message in texts if wanted in message]


def test_copies_of_delivered_mail_go_and_elsewhere_only_the_persons_own():
    box = Mailbox("lists@example.org", "imap.test", "", folders=Folders(fetch=("INBOX",), report=("Spam",)))
    server = Server(
        Processed={1: "From: ben@b.test\nCc: ana@example.org", 2: "From: ben@b.test\nHi Ana Lopez", 3: "other"},
        Unrouted={4: "From: ana@example.org", 5: "From: ben@b.test\nCc: ana@example.org"},
    )
    matching = {folder: mailbox.matching(server, folder, texts) for folder, texts in mailbox.searches(ANA, box)}
    assert {folder: uids for folder, uids in matching.items() if uids} == {"Processed": [1, 2], "Unrouted": [4]}


@pytest.mark.parametrize("address", ['x"y@example.org', "müller@example.org"])
def test_an_address_that_imap_cannot_ask_for_is_left_out(address):
    box = Mailbox("lists@example.org", "imap.test", "")
    assert all(not criteria for _, criteria in mailbox.searches(Person(frozenset({address})), box))
