"""The pure parts of the stand-in mail service: its state, its filter, its name server."""

import io
import sys
import zipfile
from pathlib import Path

import pytest

HOST = Path(__file__).resolve().parents[2] / "infomaniak/host"
sys.path.insert(0, str(HOST))

from stand_in import content, maildirs, names, state  # noqa: E402 - it lives on its hosts, not on our path

LOGIN = "mailman@customer.test"


@pytest.fixture
def service(tmp_path) -> state.State:
    made = state.State(tmp_path / "state.sqlite")
    made.create()
    return made


def test_every_default_is_a_position():
    assert all(not s.positions or s.default in s.positions for s in state.SWITCHES.values())


def test_switches_have_positions(service):
    service.set("idle", "off")
    assert service.get("idle") == "off"
    with pytest.raises(ValueError, match="positions on, hibernate, off"):
        service.set("idle", "maybe")
    with pytest.raises(ValueError, match="no switch is called 'idel'"):
        service.set("idel", "off")
    service.reset()
    assert service.get("idle") == "on"


def test_faults_count_down(service):
    service.set("fault", "rcpt")
    service.set("fault_times", "2")
    assert service.take_fault("mail") is None
    assert [service.take_fault("rcpt") for _ in range(3)] == ["rcpt", "rcpt", None]
    service.set("fault_times", "-1")
    assert service.take_fault("rcpt") == "rcpt"


def test_the_quota_counts_what_was_accepted_in_the_window(service, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(state.time, "time", lambda: clock[0])
    service.set("quota_window", "10")
    service.note(LOGIN, "accepted", 3, "")
    service.note(LOGIN, "quota", 5, "")
    service.note("other@customer.test", "accepted", 7, "")
    clock[0] += 9
    service.note(LOGIN, "accepted", 1, "")
    assert service.spent(LOGIN) == 4
    clock[0] += 2
    assert service.spent(LOGIN) == 1


def test_the_status_adds_up(service):
    service.add_mailbox(LOGIN, "secret")
    service.add_alias(LOGIN, "Test@customer.test")
    service.note(LOGIN, "accepted", 2, "")
    service.note(LOGIN, "quota", 0, "450")
    status = service.status()
    assert (status["messages"], status["recipients"], status["refused"]) == (1, 2, {"quota": 1})
    assert status["addresses"] == {LOGIN: [LOGIN, "test@customer.test"]}
    assert "secret" not in str(status)


def attached(name: str, payload: bytes) -> bytes:
    from infomaniak import compose

    message = compose("a@customer.test", "b@strict.test", "x")
    message.add_attachment(payload, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def zipped(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, "x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "payload", "found"),
    [
        ("a.pdf", b"x", None),
        ("a.EXE", b"x", "a.EXE"),
        ("a.zip", zipped("b/c.vbs"), "b/c.vbs"),
        ("a.zip", zipped("b.txt"), None),
        ("a.zip", b"no zip", None),
        ("exe", b"x", None),
    ],
)
def test_attachments(name, payload, found):
    assert content.forbidden_attachment(attached(name, payload)) == found


def test_header_rules():
    headers = [("Subject", "x"), ("X-Spam-Flag", "YES")]
    assert content.matching_header(headers, r"^x-spam-flag: yes") == "X-Spam-Flag: YES"
    assert content.matching_header(headers, "^X-Other") is None


def test_raw_8_bit_headers_are_no_problem(service):
    # As libmilter's binding hands them out: UTF-8 decoded, the rest as surrogates.
    headers = [("Subject", "Grüße"), ("X-Latin", "Gr\udcfc\udcdfe")]
    octets = content.header_octets(headers)
    assert octets == "Subject: Grüße\nX-Latin: ".encode() + b"Gr\xfc\xdfe\n"
    assert content.forbidden_attachment(octets + b"\n") is None
    service.note(LOGIN, "accepted", 1, "Gr\udcfc\udcdfe")
    assert service.events()[0]["detail"] == "Gr��e"


FACTS = {
    "infomaniak": "198.51.100.2", "strict": "198.51.100.3", "resolvers": ["192.0.2.53"], "selector": "20251103",
    "infomaniak_key": "A" * 392, "strict_key": "B" * 392,
}  # fmt: skip


def test_the_name_server_knows_a_customer():
    text = names.configuration(FACTS, {"customer.test": "quarantine"}, ["host-record=extra.test,198.51.100.9"])
    assert "mx-host=customer.test,mta-gw.infomaniak.ch,5" in text
    assert "txt-record=customer.test,v=spf1 include:spf.infomaniak.ch -all" in text
    assert 'txt-record=_dmarc.customer.test,"v=DMARC1; p=quarantine"' in text
    assert 'txt-record=_dmarc.bank.test,"v=DMARC1; p=reject"' in text
    assert "_dmarc.plain.test" not in text
    assert text.endswith("host-record=extra.test,198.51.100.9\n")


def test_strings_of_a_record_are_short_enough():
    for line in names.configuration(FACTS, {"customer.test": "none"}, []).splitlines():
        assert all(len(part) <= 255 for part in line.split('"')), line


def test_names_of_the_lab_are_never_asked_outside():
    assert "local=/test/infomaniak.com/infomaniak.ch/" in names.configuration(FACTS, {}, [])


def test_maildirs(tmp_path):
    box = tmp_path / "strict.test/ana"
    for name in ("new", "cur"):
        (box / name).mkdir(parents=True)
    (box / "cur/1").write_bytes(b"Subject: first\n\n\xe9")
    (box / "new/2").write_bytes(b"Subject: second\n\n")
    first, second = (text.encode("ascii", "surrogateescape") for text in maildirs.messages(box))
    assert (first, second) == (b"Subject: first\n\n\xe9", b"Subject: second\n\n")
    assert maildirs.counts(tmp_path) == {"ana@strict.test": 1}
    assert (maildirs.count(box), maildirs.count(tmp_path / "nobody")) == (2, 0)
