"""The LMTP client."""

from __future__ import annotations

import socket
import threading

import pytest
from bridge_stand_ins import Mailman
from hypothesis import given, settings
from hypothesis import strategies as st

from listkit.bridge.smtp import SmtpConnection, SmtpError


@pytest.fixture
def mailman():
    one = Mailman()
    yield one
    one.close()


@pytest.fixture(scope="module")
def shared():
    one = Mailman()
    one.answer = lambda _taken: "250 Ok"
    yield one
    one.close()


def client(mailman: Mailman) -> SmtpConnection:
    return SmtpConnection("127.0.0.1", mailman.lmtp_port, "LHLO", 5)


def test_several_messages_go_over_one_connection(mailman):
    lmtp = client(mailman)
    for n in range(3):
        assert lmtp.deliver("ana@example.com", f"l{n}@example.org", [b"Subject: x\r\n\r\n", b"body\r\n"]).code == 250
    lmtp.close()
    assert [(one.sender, one.recipient) for one in mailman.taken] == [
        ("ana@example.com", f"l{n}@example.org") for n in range(3)
    ]
    assert mailman.taken[0].content == b"Subject: x\r\n\r\nbody\r\n"


lines = st.sampled_from([b"", b".", b"..", b".x", b"x.", b"\xff"]).map(lambda line: line + b"\r\n")


@settings(max_examples=50)
@given(st.lists(st.lists(lines, min_size=1).map(b"".join), max_size=5))
def test_dots_arrive_as_they_were(shared, blocks):
    lmtp = client(shared)
    assert lmtp.deliver("", "l@example.org", blocks).code == 250
    lmtp.close()
    assert shared.taken[-1].content == b"".join(blocks)


def test_the_reply_is_given_back_with_its_command(mailman):
    mailman.answer = lambda _taken: "451-4.3.0 not\r\n451 4.3.0 now"
    reply = client(mailman).deliver("", "l@example.org", [b"x\r\n"])
    assert str(reply) == "DATA: 451 4.3.0 not 4.3.0 now"


def test_a_connection_lost_before_the_reply_is_an_error(mailman):
    mailman.answer = lambda _taken: None
    with pytest.raises(SmtpError):
        client(mailman).deliver("", "l@example.org", [b"x\r\n"])


@pytest.mark.parametrize("reply", ["421 going down", "nonsense"])
def test_a_server_that_goes_down_is_an_error(mailman, reply):
    mailman.answer = lambda _taken: reply
    with pytest.raises(SmtpError):
        client(mailman).deliver("", "l@example.org", [b"x\r\n"])


@pytest.mark.parametrize("reply", ["250 Ok", "200 what", "355 go"])
def test_a_server_that_says_yes_before_it_has_the_message_is_an_error(reply):
    def serve(listener: socket.socket) -> None:
        connection = listener.accept()[0]
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 ready\r\n")
            for line in lines:
                connection.sendall(f"{reply if line.startswith(b'DATA') else '250 Ok'}\r\n".encode())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        lmtp = SmtpConnection("127.0.0.1", listener.getsockname()[1], "LHLO", 5)
        with pytest.raises(SmtpError, match="before it had the message"):
            lmtp.deliver("", "l@example.org", [b"x\r\n"])
        lmtp.drop()


def test_nobody_there_is_an_error(mailman):
    port = mailman.lmtp_port
    mailman.close()
    with pytest.raises(SmtpError, match="refused"):
        SmtpConnection("127.0.0.1", port, "LHLO", 5)


def test_a_message_that_breaks_off_is_not_taken(mailman):
    def blocks():
        yield b"Subject: x\r\n\r\n"
        raise ZeroDivisionError

    lmtp = client(mailman)
    with pytest.raises(ZeroDivisionError):
        lmtp.deliver("", "l@example.org", blocks())
    lmtp.drop()
    client(mailman).close()
    assert mailman.taken == []
