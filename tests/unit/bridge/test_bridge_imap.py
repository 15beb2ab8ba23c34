"""The IMAP client, against a server that does what a test tells it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
import time

import pytest
from bridge_stand_ins import Hangup, MailServer

from listkit.bridge.imap import SLICE_OCTETS, CommandRefused, Imap, LoginRefused, connect
from listkit.bridge.imap_connection import CertificateRefused, ImapError


@pytest.fixture
def server():
    return MailServer()


@pytest.fixture
def wake():
    ours, theirs = socket.socketpair()
    yield theirs
    ours.close()
    theirs.close()


def logged_in(server: MailServer) -> Imap:
    client = Imap(server.open())
    client.login("mailman@example.org", "secret")
    client.prepare()
    return client


def whole(client: Imap, uid: int) -> bytes:
    return b"".join(piece.octets for piece in client.slices(uid))


def scripted(*answers: bytes) -> Imap:
    """A client whose server says these things whatever it is asked; %T stands for the tag of the last command."""
    ours, theirs = socket.socketpair()
    ours.settimeout(2)

    def serve() -> None:
        file = theirs.makefile("rb")
        theirs.sendall(b"* OK hello\r\n")
        with contextlib.suppress(BrokenPipeError):
            for answer in (b"* CAPABILITY IMAP4rev1\r\n%T OK\r\n", *answers):
                line = file.readline()
                theirs.sendall(answer.replace(b"%T", line.split(b" ")[0]))
        theirs.close()

    threading.Thread(target=serve, daemon=True).start()
    return Imap(ours)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for mail.example.test, signed by itself, and its key."""
    directory = tmp_path_factory.mktemp("tls")
    files = directory / "cert.pem", directory / "key.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=mail.example.test",
            "-addext",
            "subjectAltName=DNS:mail.example.test",
            "-out",
            str(files[0]),
            "-keyout",
            str(files[1]),
        ],
        check=True,
        capture_output=True,
    )
    return files


@pytest.fixture
def tls_port(certificate):
    """A server on loopback that greets with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                raw, _ = listener.accept()
                with contextlib.suppress(OSError), context.wrap_socket(raw, server_side=True) as sock:
                    sock.sendall(b"* OK ready\r\n")
                    sock.recv(100)
                    sock.sendall(b"* CAPABILITY IDLE\r\nb1 OK\r\n")

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


def test_a_certificate_for_another_name_is_refused_and_the_expected_one_named(certificate, tls_port):
    trusting = ssl.create_default_context(cafile=certificate[0])
    with pytest.raises(CertificateRefused, match="is not valid for localhost"):
        connect("localhost", tls_port, trusting, 5)


def test_a_certificate_that_nobody_trusted_signed_is_refused(tls_port):
    with pytest.raises(CertificateRefused, match="localhost"):
        connect("localhost", tls_port, ssl.create_default_context(), 5)


def test_the_right_certificate_is_taken(certificate, tls_port, monkeypatch):
    found = socket.getaddrinfo("127.0.0.1", tls_port, type=socket.SOCK_STREAM)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    client = connect("mail.example.test", tls_port, ssl.create_default_context(cafile=certificate[0]), 5)
    assert client.can_idle
    client.close()


def test_a_server_that_does_not_speak_tls_is_no_certificate_error():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=lambda: listener.accept()[0].sendall(b"* OK plain\r\n"), daemon=True).start()
        with pytest.raises(ImapError) as error:
            connect("localhost", listener.getsockname()[1], ssl.create_default_context(), 5)
    assert not isinstance(error.value, CertificateRefused)


def test_the_password_is_sent_as_it_is(server):
    seen = []
    server.before = lambda name, arguments: seen.append((name, arguments))
    client = Imap(server.open())
    client.login("mailman@example.org", 'pä"ss \\')
    assert ("AUTHENTICATE", "PLAIN AG1haWxtYW5AZXhhbXBsZS5vcmcAcMOkInNzIFw=") in seen


def test_login_without_sasl_quotes_the_password():
    server = MailServer("IMAP4rev1 MOVE")
    client = Imap(server.open())
    client.login("mailman@example.org", 'a"b\\c')
    assert r'LOGIN "mailman@example.org" "a\"b\\c"' in server.commands


def test_a_refused_login_is_distinguished_from_a_lost_connection(server):
    server.before = lambda name, _: "NO [AUTHENTICATIONFAILED] no" if name == "AUTHENTICATE" else None
    with pytest.raises(LoginRefused, match="AUTHENTICATIONFAILED"):
        logged_in(server)

    def hang_up(name, _arguments):
        if name == "AUTHENTICATE":
            raise Hangup

    server.before = hang_up
    with pytest.raises(ImapError) as lost:
        logged_in(server)
    assert not isinstance(lost.value, LoginRefused)


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        ("NO [AUTHENTICATIONFAILED] no", True),
        ("NO [AUTHORIZATIONFAILED] no", True),
        ("NO [EXPIRED] no", True),
        ("NO wrong", True),
        ("no [authenticationfailed] no", True),
        ("NO [UNAVAILABLE] Temporary authentication failure", False),
        ("NO [INUSE] wait", False),
        ("NO [LIMIT] too many connections", False),
        ("NO [SERVERBUG] oops", False),
        ("BAD what", False),
    ],
)
def test_a_server_in_trouble_has_not_refused_the_password(server, answer, refused):
    server.before = lambda name, _: answer if name == "AUTHENTICATE" else None
    with pytest.raises(ImapError) as error:
        logged_in(server)
    assert isinstance(error.value, LoginRefused) is refused


def test_a_server_without_a_safe_way_to_move_is_refused():
    with pytest.raises(ImapError, match="neither MOVE nor UIDPLUS"):
        logged_in(MailServer("IMAP4rev1 AUTH=PLAIN SASL-IR"))


@pytest.mark.parametrize("size", [0, 1, 1000, SLICE_OCTETS - 1, SLICE_OCTETS, SLICE_OCTETS + 1, 3 * SLICE_OCTETS])
def test_a_message_is_read_in_slices(server, size):
    client = logged_in(server)
    content = bytes(n % 251 for n in range(size))
    uid = server.put(content)
    client.select("INBOX")
    assert whole(client, uid) == content


def fetched(octets: bytes, size: int, offset: int = 0) -> bytes:
    """An answer to FETCH."""
    header = f'* 1 FETCH (UID 1 RFC822.SIZE {size} INTERNALDATE "d" BODY[]<{offset}> {{{len(octets)}}}\r\n'
    return header.encode() + octets + b")\r\n%T OK\r\n"


def test_a_short_slice_is_not_taken_for_the_end_before_the_server_says_so():
    client = scripted(fetched(b"abc", 6), fetched(b"de", 6, 3), fetched(b"f", 6, 5))
    assert whole(client, 1) == b"abcdef"


def test_a_size_that_is_too_large_is_believed_no_more_than_the_octets():
    assert whole(scripted(fetched(b"abc", 9), fetched(b"", 9, 3)), 1) == b"abc"


def test_a_size_that_is_too_small_cuts_nothing_off():
    full = b"x" * SLICE_OCTETS
    assert whole(scripted(fetched(full, 10), fetched(b"end", 10, SLICE_OCTETS)), 1) == full + b"end"


@pytest.mark.parametrize("first", [b"abc", b""])
def test_a_message_that_ends_without_a_word_is_an_error(first):
    answers = [fetched(first, 9), b"%T OK\r\n"] if first else [fetched(first, 9)]
    with pytest.raises(ImapError, match="ended after"):
        whole(scripted(*answers), 1)


def test_a_message_that_is_gone_has_no_slices(server):
    client = logged_in(server)
    client.select("INBOX")
    assert list(client.slices(7)) == []


def test_half_a_message_is_an_error(server):
    client = logged_in(server)
    uid = server.put(b"x" * (SLICE_OCTETS + 10))
    client.select("INBOX")
    slices = client.slices(uid)
    next(slices)
    server.folders["INBOX"].messages.clear()
    with pytest.raises(ImapError, match="ended after"):
        next(slices)


def test_a_connection_cut_in_the_middle_of_a_literal_is_an_error():
    client = scripted(b'* 1 FETCH (UID 1 RFC822.SIZE 100 INTERNALDATE "d" BODY[]<0> {100}\r\nonly this')
    with pytest.raises(ImapError, match="closed the connection"):
        next(client.slices(1))


def test_an_answer_that_never_comes_is_an_error():
    client = scripted(b"* 1 EXISTS\r\n", b"")
    client.set_timeout(0.1)
    with pytest.raises(ImapError):
        client.search("ALL")


@pytest.mark.parametrize(
    "answer",
    [
        b'* 1 FETCH (UID 1 RFC822.SIZE 2 INTERNALDATE "d" BODY[]<0> {999999999}\r\n',
        b"* BYE shutting down\r\n",
        b"%T BAD what\r\n",
        b"%T NO no\r\n",
        b"* " + b"x" * 9_000_000 + b"\r\n",
        b"\xff\xfe\r\n%T NO\r\n",
    ],
)
def test_what_a_server_should_not_say_is_an_error(answer):
    with pytest.raises(ImapError):
        list(scripted(answer).slices(1))


def test_a_body_may_come_as_a_quoted_string():
    client = scripted(b'* 1 FETCH (BODY[]<0> "a\\"b" UID 1 INTERNALDATE "d" RFC822.SIZE 3)\r\n%T OK\r\n')
    assert whole(client, 1) == b'a"b'


def test_an_unasked_fetch_of_flags_is_passed_over():
    client = scripted(
        b"* 1 FETCH (FLAGS (\\Seen))\r\n* 2 FETCH (UID 12 FLAGS ())\r\n"
        b'* 1 FETCH (UID 1 RFC822.SIZE 2 INTERNALDATE "d" BODY[]<0> {2}\r\nhi FLAGS ())\r\n%T OK\r\n'
    )
    assert whole(client, 1) == b"hi"


def test_moving(server):
    client = logged_in(server)
    uids = [server.put(b"%d" % n) for n in range(450)]
    client.create("Processed")
    client.create("Processed")
    client.select("INBOX")
    client.move(uids, "Processed")
    assert server.contents("INBOX") == []
    assert len(server.contents("Processed")) == 450
    assert max(len(command) for command in server.commands) < 2000


def test_moving_without_move_copies_first_and_expunges_by_uid():
    server = MailServer("IMAP4rev1 AUTH=PLAIN SASL-IR UIDPLUS")
    client = logged_in(server)
    uid, other = server.put(b"one"), server.put(b"other")
    client.create("Processed")
    client.select("INBOX")
    client.move([uid], "Processed")
    assert list(server.folders["INBOX"].messages) == [other]
    verbs = [command.split(" ")[1] for command in server.commands if command.startswith("UID")]
    assert verbs == ["COPY", "STORE", "EXPUNGE"]


def test_folders_below_a_prefix_are_found():
    client = scripted(
        b"%T OK\r\n",
        b"* CAPABILITY MOVE NAMESPACE\r\n%T OK\r\n",
        b'* NAMESPACE (("INBOX." ".")) NIL NIL\r\n%T OK\r\n',
        b"* STATUS x (MESSAGES 3)\r\n%T OK\r\n",
    )
    client.login("a", "b")
    client.prepare()
    assert client.count("Spam") == 3
    assert client._folder("Spam") == '"INBOX.Spam"'
    assert client._folder("INBOX") == '"INBOX"'


@pytest.mark.parametrize(
    ("name", "written"),
    [("Gelöscht", "Gel&APY-scht"), ("A & B", "A &- B"), ("日本/語", "&ZeVnLA-/&ip4-"), ("Processed", "Processed")],
)
def test_folder_names_outside_ascii_are_written_in_modified_utf_7(server, name, written):
    logged_in(server).create(name)
    assert f'CREATE "{written}"' in server.commands


def test_the_next_uid_of_a_folder_is_known_where_the_server_reports_it(server):
    server.put(b"one")
    assert logged_in(server).select("INBOX").uidnext == 2
    server.tells_uidnext = False
    assert logged_in(server).select("INBOX").uidnext == 0


def test_idle_ends_when_mail_arrives(server, wake):
    client = logged_in(server)
    client.select("INBOX")
    client.search("ALL")
    threading.Timer(0.1, server.put, [b"x"]).start()
    began = time.monotonic()
    client.idle(60, wake)
    assert time.monotonic() - began < 30
    assert client.has_new_mail
    assert client.search("ALL") == [1]


def test_idle_ends_when_the_time_is_over_or_somebody_wakes_it(server):
    client = logged_in(server)
    client.select("INBOX")
    client.search("ALL")
    ours, theirs = socket.socketpair()
    began = time.monotonic()
    client.idle(0.2, theirs)
    assert 0.15 < time.monotonic() - began < 30
    threading.Timer(0.1, ours.send, [b"x"]).start()
    client.idle(60, theirs)
    assert time.monotonic() - began < 30
    assert client.search("ALL") == []


@pytest.mark.parametrize("idle", [" IDLE", ""])
def test_mail_that_arrived_since_the_search_is_not_slept_over(wake, idle):
    client = logged_in(MailServer(f"IMAP4rev1 AUTH=PLAIN SASL-IR MOVE{idle}"))
    client.select("INBOX")
    client.search("ALL")
    client.selected = None
    client.select("INBOX")  # says EXISTS
    began = time.monotonic()
    client.idle(60, wake)
    assert time.monotonic() - began < 30


def test_without_idle_the_server_is_asked(wake):
    server = MailServer("IMAP4rev1 AUTH=PLAIN SASL-IR MOVE")
    client = logged_in(server)
    client.select("INBOX")
    client.search("ALL")
    client.idle(0.05, wake)
    assert server.commands[-1] == "NOOP"


def test_an_idle_that_the_server_ends_is_over(server, wake):
    server.ends_idle = True
    client = logged_in(server)
    client.select("INBOX")
    client.search("ALL")
    began = time.monotonic()
    client.idle(10, wake)
    assert time.monotonic() - began < 5
    # Nothing of it is left for the next command.
    assert client.search("ALL") == []
    assert server.commands[-1] == "UID SEARCH ALL"


def test_a_refused_fetch_is_distinguished_from_a_lost_connection():
    with pytest.raises(CommandRefused, match="UID FETCH: NO"):
        next(scripted(b"%T NO [SERVERBUG] oops\r\n").slices(1))
    with pytest.raises(ImapError) as lost:
        next(scripted(b"").slices(1))
    assert not isinstance(lost.value, CommandRefused)


@pytest.mark.parametrize(
    ("answer", "date"),
    [
        (b'* 2 FETCH (UID 2 INTERNALDATE "other")\r\n* 1 FETCH (INTERNALDATE "d" UID 1)\r\n%T OK\r\n', "d"),
        (b"%T OK\r\n", ""),
        (b"%T NO [SERVERBUG] oops\r\n", ""),
    ],
)
def test_a_message_s_arrival_is_asked_for(answer, date):
    assert scripted(answer).internal_date(1) == date


@pytest.mark.parametrize(
    ("said", "error"), [(b"* BYE inactivity\r\n", "closed the connection"), (b"%T NO enough\r\n", "IDLE: NO enough")]
)
def test_what_ends_an_idle_in_anger_is_an_error(wake, said, error):
    client = scripted(b"%T OK\r\n", b"* CAPABILITY IDLE MOVE\r\n%T OK\r\n", b"+ idling\r\n" + said)
    client.login("a", "b")
    client.prepare()
    with pytest.raises(ImapError, match=error):
        client.idle(5, wake)
