"""Asking the DNS, and nothing else, about a name."""

import struct

import pytest

from listkit import certificate_dns as dns

POINTER_TO_QUESTION = b"\xc0\x0c"


def answer(question, records, status=0):
    header = dns.HEADER.pack(dns.HEADER.unpack_from(question)[0], 0x8180 | status, 1, len(records), 0, 0)
    body = b"".join(
        POINTER_TO_QUESTION + struct.pack("!2HIH", number, 1, 60, len(data)) + data for number, data in records
    )
    return header + question[dns.HEADER.size :] + body


@pytest.fixture
def question():
    return dns.encode_question(7, "lists.example.org", "A")


def test_a_question_names_its_labels_and_asks_for_recursion(question):
    assert question[2:4] == b"\x01\x00"
    assert question[12:] == b"\x05lists\x07example\x03org\x00" + struct.pack("!2H", 1, 1)


def test_an_answer_is_read_past_its_aliases(question):
    alias = (5, b"\x03www\xc0\x12")
    message = answer(question, [alias, (1, bytes([192, 0, 2, 10])), (1, bytes([192, 0, 2, 11]))])
    assert dns.decode_answer(question, message, "A") == ["192.0.2.10", "192.0.2.11"]


def test_an_ipv6_answer_is_read():
    question = dns.encode_question(7, "lists.example.org", "AAAA")
    message = answer(question, [(28, bytes.fromhex("20010db8000000000000000000000001"))])
    assert dns.decode_answer(question, message, "AAAA") == ["2001:db8::1"]


def test_a_name_that_does_not_exist_has_no_addresses(question):
    assert dns.decode_answer(question, answer(question, [], dns.NAME_ERROR), "A") == []


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (lambda q: answer(q, [], 2), "error 2"),
        (lambda q: answer(dns.encode_question(8, "lists.example.org", "A"), []), "another question"),
        (lambda q: answer(q, [(1, b"\x01\x02")]), "can't be read"),
        (lambda q: answer(q, [(1, bytes(4))])[:-9], "can't be read"),
        (lambda q: b"", "can't be read"),
    ],
)
def test_what_can_not_be_used_is_an_error(question, message, reason):
    with pytest.raises(dns.DnsError, match=reason):
        dns.decode_answer(question, message(question), "A")


def test_the_second_server_answers_when_the_first_one_does_not(tmp_path, monkeypatch):
    configuration = tmp_path / "resolv.conf"
    configuration.write_text("# ours\nsearch example.org\nnameserver 192.0.2.1\nnameserver 192.0.2.2\n")

    def ask(server, question):
        if server == "192.0.2.1":
            raise TimeoutError("timed out")
        return answer(question, [(1, bytes([192, 0, 2, 10]))])

    monkeypatch.setattr(dns, "RESOLVER_CONFIGURATION", configuration)
    monkeypatch.setattr(dns, "_ask", ask)
    assert dns.lookup("lists.example.org", "A") == ["192.0.2.10"]


def test_nobody_answers(tmp_path, monkeypatch):
    configuration = tmp_path / "resolv.conf"
    configuration.write_text("")
    monkeypatch.setattr(dns, "RESOLVER_CONFIGURATION", configuration)
    with pytest.raises(dns.DnsError, match="no name server"):
        dns.addresses("lists.example.org")
