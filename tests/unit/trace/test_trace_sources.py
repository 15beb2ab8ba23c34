"""What each source says about a message, in lines that real hosts have written."""

import email.message
import gzip
import json
import pickle
import time
from dataclasses import dataclass, field

import pytest

from listkit.bridge.config import Mailbox
from listkit.bridge.imap import Selected, Slice
from listkit.trace import bridge, core, journal, mailbox, relay
from listkit.trace.event import Event, Query
from listkit.trace.place import Held, Queued, SetAside, Stored

ID = "<179603888759.1903.11244460501409165591@strict.test>"


def texts(events) -> list[str]:
    return [event.text for event in events]


class TestTheBridge:
    def test_a_delivery_names_the_folder_the_list_and_the_answer(self):
        line = f"mailman@a.test: INBOX/109 {ID} via Delivered-To: dev@a.test: delivered as ef78 (DATA: 250 2.0.0 Ok): "
        [event] = bridge.parse([(5.0, line + "to Processed")])
        assert (event.time, event.message_id, event.people) == (5.0, ID, ("dev@a.test",))
        assert event.text == (
            "INBOX/109 of mailman@a.test: dev@a.test: delivered as ef78 (DATA: 250 2.0.0 Ok); moved to Processed"
        )

    def test_a_message_without_an_id_and_one_that_waits_are_shown(self):
        lines = [
            (1.0, "m@a.test: INBOX/108 (no Message-ID) via nothing: the header has more than 2000 fields: to Failed"),
            (2.0, f"m@a.test: INBOX/9 {ID} via To: a@a.test: deferred as 1 (RCPT: 451 later): next attempt in 5 s"),
        ]
        nameless, deferred = bridge.parse(lines)
        assert nameless.message_id == "(no Message-ID)" and nameless.text.endswith("fields; moved to Failed")
        assert deferred.text.endswith("(RCPT: 451 later); next attempt in 5 s")

    def test_other_lines_are_no_events(self):
        assert list(bridge.parse([(1.0, "mailman@a.test: logged in to mail.infomaniak.com")])) == []


class TestMailmansLog:
    @pytest.mark.parametrize(
        ("line", "text"),
        [
            (f"ACCEPT: {ID}", "accepted as a post"),
            (f"REJECT: {ID}", "rejected; the author, or the owners, get the reason"),
            (f"DISCARD: {ID}; ['not a member']", "discarded: ['not a member']"),
            (
                f"HOLD: dev@a.test post from ann@b.test held, message-id={ID}: Too big",
                "held for the moderators: Too big",
            ),
            (
                f"{ID} smtp to dev@a.test for 250 recips, completed in 0.1381375789642334 seconds",
                "handed to the relay for 250 recipients of dev@a.test",
            ),
            (
                f"{ID} delivery to ann@b.test failed with code 550, b'5.1.1 no'",
                "the relay refused the recipient ann@b.test: 550, b'5.1.1 no'",
            ),
            (f"HyperKitty archived message {ID} to https://a.test/1/", "archived: https://a.test/1/"),
            (
                f"archiving failed, re-queuing (mailing-list dev.a.test, message {ID})",
                "the archive did not accept it; it waits in the spool",
            ),
            (f"Something new about {ID}", f"Something new about {ID}"),
        ],
    )
    def test_a_line_becomes_an_event(self, line, text):
        [event] = core.parse([f"Nov 30 11:22:17 2026 (6991) {line}\n"])
        assert (event.message_id, event.text) == (ID, text)
        assert time.strftime("%d %H:%M:%S", time.localtime(event.time)) == "30 11:22:17"

    def test_a_held_post_is_found_by_its_author(self):
        [event] = core.parse(
            [f"Nov 30 11:22:17 2026 (1) HOLD: dev@a.test post from ann@b.test held, message-id={ID}: x"]
        )
        assert event.people == ("dev@a.test", "ann@b.test")

    def test_what_is_said_twice_and_what_names_no_message_is_left_out(self):
        lines = [
            f"Nov 30 11:22:17 2026 (1) {ID} post to dev@a.test from ann@b.test, 1484 bytes",
            "Nov 30 11:22:17 2026 (1) bounces runner started.",
            '[30/Nov/2026:11:57:19 +0000] "GET /3.1/lists/members@a.test/config HTTP/1.1" 200 3008 "-" "x"',
            "Traceback (most recent call last):",
        ]
        assert list(core.parse(lines)) == []

    def test_the_logs_that_were_rotated_are_read_too(self, tmp_path):
        line = "Nov 30 11:22:17 2026 (1) ACCEPT: <%d@a.test>\n"
        (tmp_path / "mailman.log").write_text(line % 1)
        (tmp_path / "mailman.log.1").write_text(line % 2)
        with gzip.open(tmp_path / "mailman.log.2.gz", "wt") as file:
            file.write(line % 3)
        assert {event.message_id for event in core.logged(0, tmp_path)} == {
            f"<{number}@a.test>" for number in (1, 2, 3)
        }

    def test_old_lines_are_left_out(self, tmp_path):
        (tmp_path / "mailman.log").write_text(f"Nov 30 11:22:17 2020 (1) ACCEPT: {ID}\n")
        assert list(core.logged(time.time() - 86_400, tmp_path)) == []


def message(**fields: str) -> email.message.Message:
    made = email.message.Message()
    for name, value in fields.items():
        made[name.replace("_", "-")] = value
    made.set_payload("Message-ID: <of-the-body@a.test>")
    return made


class TestQueues:
    def put(self, directory, name="1796039779.25+abc.pck", **fields):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(pickle.dumps(message(**fields), 4) + pickle.dumps({"listid": "dev.a.test"}, 4))
        return directory / name

    def test_a_message_in_a_queue_waits_there(self, tmp_path):
        self.put(tmp_path / "queue/in", Message_ID=ID, Subject="=?utf-8?q?Caf=C3=A9?=", From="Ann <ann@b.test>")
        [event] = core.queued(tmp_path / "queue", tmp_path / "spool")
        assert event == Event(1796039779.25, "Mailman", ID, "waits in the queue in", ("ann@b.test",), "Café", True)

    def test_what_is_set_aside_or_waits_for_the_archive_names_its_file(self, tmp_path):
        shunted = self.put(tmp_path / "queue/shunt", Message_ID=ID)
        spooled = self.put(tmp_path / "spool", Message_ID=ID)
        events = list(core.queued(tmp_path / "queue", tmp_path / "spool"))
        assert [event.place for event in events] == [SetAside(str(shunted)), None]
        aside, waiting = texts(events)
        assert f"set aside in {shunted}" in aside and "`mailman unshunt`" in aside
        assert waiting == f"waits for the archive in {spooled}"

    def test_the_header_of_an_attached_message_is_not_taken_for_its_own(self, tmp_path):
        outer = email.message.Message()
        outer["Subject"] = "Forwarded"
        outer.attach(message(Message_ID=ID))
        (tmp_path / "1.pck").write_bytes(pickle.dumps(outer, 4))
        assert core.header(tmp_path / "1.pck") == {"subject": "Forwarded"}

    def test_a_file_that_would_run_code_is_only_read(self, tmp_path):
        class Harmful:
            def __reduce__(self):
                return pytest.fail, ("it was loaded",)

        path = tmp_path / "1.pck"
        path.write_bytes(pickle.dumps([("Message-ID", ID), Harmful()]))
        assert core.header(path)["message-id"] == ID

    def test_a_file_that_is_no_pickle_has_no_header(self, tmp_path):
        path = tmp_path / "1.pck"
        path.write_bytes(b"\xff\xfe")
        assert core.header(path) == {}


class Rest:
    def entries(self, path):
        if path == "lists":
            return [{"list_id": "dev.a.test", "fqdn_listname": "dev@a.test"}]
        assert path == "lists/dev.a.test/held"
        return [
            {
                "message_id": ID,
                "reason": "Too big",
                "sender": "ann@b.test",
                "subject": "Hi",
                "hold_date": "2026-11-30T11:22:17",
                "request_id": 7,
            }
        ]


def test_a_held_post_waits_for_a_moderator():
    [event] = core.held(Rest())
    assert event.text == "waits for a moderator of dev@a.test: Too big"
    assert (event.people, event.subject, event.waiting) == (("dev@a.test", "ann@b.test"), "Hi", True)
    assert event.place == Held("dev.a.test", 7)
    assert time.strftime("%d %H:%M:%S", time.gmtime(event.time)) == "30 11:22:17"


POSTFIX = [
    (1.0, "4jdMfh2ZfFz21BQx: client=localhost[127.0.0.1]"),
    (1.0, "4jdMfh2ZfFz21BQx: hold: header Received: from x; from=<dev-bounces@a.test> to=<r0@b.test> proto=ESMTP"),
    (1.0, f"4jdMfh2ZfFz21BQx: message-id={ID}"),
    (60.0, "4jdMfh2ZfFz21BQx: released from hold"),
    (60.0, "4jdMfh2ZfFz21BQx: from=<dev-bounces@a.test>, size=1669, nrcpt=5 (queue active)"),
    *(
        (61.0, f"4jdMfh2ZfFz21BQx: to=<r{n}@b.test>, relay=m, dsn=2.0.0, status=sent (250 Ok: A1)")
        for n in range(4)
    ),
    (61.0, "4jdMfh2ZfFz21BQx: to=<gone@b.test>, relay=m, dsn=5.1.1, status=bounced (host m said: 550 User unknown)"),
    (61.0, "4jdMfh2ZfFz21BQx: removed"),
    (61.0, "statistics: start interval Nov 30 11:41:16"),
]  # fmt: skip


class TestTheRelay:
    def test_the_answer_for_each_recipient_is_shown(self):
        queued, released, sent, refused = relay.logged(relay.read(POSTFIX))
        assert {event.message_id for event in (queued, released, sent, refused)} == {ID}
        assert (queued.text, queued.time) == ("queued as 4jdMfh2ZfFz21BQx", 1.0)
        assert (released.text, released.time) == ("4jdMfh2ZfFz21BQx: released by the sending budget", 60.0)
        assert sent.text == "4jdMfh2ZfFz21BQx: accepted by the provider for 4 recipients: 250 Ok: A1"
        assert sent.people == ("r0@b.test", "r1@b.test", "r2@b.test", "r3@b.test")
        assert refused.text == "4jdMfh2ZfFz21BQx: refused for gone@b.test: host m said: 550 User unknown"

    def entry(self, place: str, **recipient: str) -> str:
        recipients = [{"address": "ann@b.test", **recipient}]
        return json.dumps({"queue_name": place, "queue_id": "4jd", "arrival_time": 9, "recipients": recipients})

    def test_what_is_on_hold_waits_for_the_budget(self):
        [event] = relay.queued([self.entry("hold")], {"4jd": ID})
        assert (event.message_id, event.time, event.waiting) == (ID, 9, True)
        assert (
            event.text
            == "4jd: waits (hold) for ann@b.test: until the sending budget releases it; `listkit budget` shows when"
        )

    def test_what_is_deferred_has_the_providers_reason(self):
        [event] = relay.queued([self.entry("deferred", delay_reason="450 try later")], {})
        assert event.text == "4jd: waits (deferred) for ann@b.test: 450 try later"
        assert event.place == Queued("4jd", "deferred")


@dataclass
class Server:
    """A mailbox whose folders have messages; each search finds those whose octets contain its last word."""

    folders: dict[str, list[bytes]]
    searches: list[str] = field(default_factory=list)
    _folder: str = ""

    def select(self, folder: str) -> Selected | None:
        self._folder = folder
        return Selected(folder, 1, 1) if folder in self.folders else None

    def search(self, criteria: str) -> list[int]:
        self.searches.append(criteria)
        word = criteria.split('"')[1].encode()
        return [uid for uid, octets in enumerate(self.folders[self._folder]) if word in octets]

    def slices(self, uid: int):
        yield Slice(1, "30-Nov-2026 11:00:00 +0100", self.folders[self._folder][uid])


class TestMailboxes:
    def find(self, text: str, known=(), **folders: bytes) -> list[Event]:
        self.server = Server({name: [octets] for name, octets in folders.items()})
        searches = mailbox.criteria(Query(text), known, 0)
        return list(mailbox.in_folders(self.server, Mailbox("m@a.test", "m", "x"), searches))

    def test_a_message_is_found_in_its_folder(self):
        header = (
            f"Message-ID: {ID}\nFrom: Ann <ann@b.test>\nTo: dev@a.test\nSubject: =?utf-8?q?Caf=C3=A9?=\n\nx".encode()
        )
        [event] = self.find("ann@b.test", Spam=header, INBOX=b"From: other@b.test\n\n")
        assert (event.message_id, event.text) == (ID, "lies in Spam of m@a.test")
        assert event.place == Stored("m@a.test", "Spam", 0)
        assert (event.people, event.subject, event.waiting) == (("ann@b.test", "dev@a.test"), "Café", False)
        assert time.strftime("%H:%M", time.gmtime(event.time)) == "10:00"

    def test_one_that_the_bridge_has_not_fetched_waits(self):
        [event] = self.find("Hello", INBOX=b"Subject: Hello\n\n")
        assert event.waiting and event.text == "waits in INBOX of m@a.test for the bridge"

    def test_the_messages_that_other_sources_know_are_searched_too(self):
        assert len(self.find("nothing@b.test", [ID], Processed=f"Message-ID: {ID}\n\n".encode())) == 1

    def test_no_quote_or_line_break_gets_into_a_command(self):
        for text in ('a"b@c.test', "a\r\nb1 DELETE INBOX@c.test", 'x" y', "a\\@b.test"):
            for search in mailbox.criteria(Query(text), [text], 0):
                assert search.isprintable() and search.count('"') == 2

    def test_a_subject_of_other_letters_is_searched_by_what_every_server_understands(self):
        assert mailbox.criteria(Query("Café Réunion ok"), [], 86_400) == ['SINCE 2-Jan-1970 SUBJECT "union"']


def test_the_journal_is_read_with_its_times(tmp_path, monkeypatch):
    entries = [
        {"__REALTIME_TIMESTAMP": "1796039779064341", "MESSAGE": "queued"},
        {"__REALTIME_TIMESTAMP": "1796039780000000", "MESSAGE": [103, 255, 116]},
    ]
    program = tmp_path / "journalctl"
    program.write_text(
        f"#!/bin/sh\necho \"$*\" > {tmp_path}/arguments\ncat <<'END'\n"
        + "\n".join(map(json.dumps, entries))
        + "\nEND\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert list(journal.lines(12.0, "SYSLOG_FACILITY=2")) == [(1796039779.064341, "queued"), (1796039780.0, "g�t")]
    assert "--since=@12 SYSLOG_FACILITY=2" in (tmp_path / "arguments").read_text()
