"""`listkit check` sees what is wrong and says what to do."""

import socket
import threading

import pytest

from listkit import check

SOCKETS = """\
LISTEN 0 128      0.0.0.0:22      0.0.0.0:*
LISTEN 0 511            *:443           *:*
LISTEN 0 511         [::]:80         [::]:*
LISTEN 0 100    127.0.0.1:25      0.0.0.0:*
LISTEN 0 100        [::1]:25         [::]:*
LISTEN 0 4096 127.0.0.53%lo:53    0.0.0.0:*
"""


def test_only_the_allowed_ports_listen_to_the_outside():
    (finding,) = check.check_listeners([22, 80, 443], SOCKETS)
    assert finding.well
    assert finding.seen == "22, 80, 443"


def test_a_port_too_many_is_named_with_the_fix():
    (finding,) = check.check_listeners([22, 80, 443], SOCKETS + "LISTEN 0 100 192.0.2.1:8001 0.0.0.0:*\n")
    assert not finding.well
    assert "8001" in finding.fix


@pytest.fixture
def greeter():
    """A server that greets once; yields its port and takes the greeting."""
    server = socket.create_server(("127.0.0.1", 0))
    greeting = []

    def greet():
        connection, _ = server.accept()
        with connection:
            connection.sendall(greeting[0])

    thread = threading.Thread(target=greet, daemon=True)
    thread.start()
    yield server.getsockname()[1], greeting
    server.close()


@pytest.mark.parametrize(("says", "well"), [(b"220 lists ready\r\n", True), (b"421 too busy\r\n", False)])
def test_a_greeting_is_read(greeter, says, well):
    port, greeting = greeter
    greeting.append(says)
    (finding,) = check.check_greeting("relay", port, b"220", "look at the journal")
    assert finding.well is well
    assert says.decode().strip() in finding.seen


def test_a_server_that_is_down_is_a_finding():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (finding,) = check.check_greeting("relay", port, b"220", "look at the journal")
    assert not finding.well
    assert "→ look at the journal" in str(finding)


def test_a_missing_configuration_says_how_to_get_it(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(check, "CONFIGURATION", tmp_path / "check.json")
    assert check.main([]) == 2
    assert "run the playbook" in capsys.readouterr().err
