"""`listkit check` sees what is wrong and says what to do."""

import json
import socket
import threading
import time
from typing import ClassVar

import pytest

from listkit import check
from listkit.certificate.files import Certificate

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


def link(port: int) -> dict:
    """A link whose loopback end is `port`."""
    return {"name": "core-25", "port": port, "protocol": "smtp", "address": "10.0.0.1", "tunnel_port": 20025}


@pytest.mark.parametrize(("says", "well"), [(b"220 lists ready\r\n", True), (b"", False), (b"421 busy\r\n", False)])
def test_a_link_with_nothing_behind_it_is_a_finding(greeter, says, well):
    port, greeting = greeter
    greeting.append(says)
    (finding,) = check.check_link(link(port))
    assert finding.well is well
    assert "10.0.0.1 port 20025" in str(finding)


def test_a_missing_configuration_says_how_to_get_it(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(check, "CONFIGURATION", tmp_path / "check.json")
    assert check.main([]) == 2
    assert "run the playbook" in capsys.readouterr().err


def test_a_secret_that_others_can_read_is_named(tmp_path):
    secret = tmp_path / "etc/listkit/secrets/rest_password"
    secret.parent.mkdir(parents=True)
    secret.write_text("x")
    secret.chmod(0o600)
    assert [finding.well for finding in check.check_secrets(tmp_path)] == [True]
    secret.chmod(0o604)
    (finding,) = check.check_secrets(tmp_path)
    assert not finding.well
    assert str(secret) in finding.seen


def test_a_full_disk_is_named(tmp_path):
    assert [finding.well for finding in check.check_disks([tmp_path, tmp_path / "none"], least=1)] == [True]
    (finding,) = check.check_disks([tmp_path], least=2**60)
    assert not finding.well
    assert str(tmp_path) in finding.seen


@pytest.mark.parametrize("file", ["shunt/1.pck", "bad/1.psv"])
def test_a_message_that_was_set_aside_is_counted(tmp_path, file):
    assert [finding.well for finding in check.check_set_aside(tmp_path)] == [True]
    (tmp_path / file).parent.mkdir()
    (tmp_path / file).write_text("x")
    assert [finding.well for finding in check.check_set_aside(tmp_path)] == [False]


@pytest.mark.parametrize(
    ("pause", "well"),
    [
        (None, True),
        ({"meaning": "quota", "reply": "535 no", "advice": "check the password"}, False),
        ({"meaning": "login", "reply": "535 no", "advice": "check the password"}, False),
    ],
)
def test_an_account_that_the_provider_refuses_is_told_with_its_words(tmp_path, pause, well):
    status = tmp_path / "status.json"
    assert list(check.check_outgoing(status)) == []
    numbers = {"time": time.time(), "accounts": [{"address": "a@x.test", "pause": pause}]}
    status.write_text(json.dumps(numbers))
    (finding,) = check.check_outgoing(status)
    assert finding.well is well
    assert well or ("535 no" in finding.seen and "check the password" in finding.fix)
    status.write_text(json.dumps(numbers | {"time": time.time() - 200}))
    (finding,) = check.check_outgoing(status)
    assert not finding.well
    assert "hasn't got on for 200 s" in finding.seen


@pytest.mark.parametrize(
    ("samples", "well"),
    [
        ('listkit_bridge_up{mailbox="a@x.test"} 1\nlistkit_bridge_up{mailbox="b@x.test"} 1\n', True),
        ('listkit_bridge_up{mailbox="a@x.test"} 0\nlistkit_bridge_up{mailbox="b@x.test"} 1\n', False),
        ('listkit_bridge_up{mailbox="b@x.test"} 1\n', False),
        ("", False),
    ],
)
def test_a_mailbox_without_the_bridge_is_named(tmp_path, samples, well):
    metrics, configuration = tmp_path / "metrics.prom", tmp_path / "bridge.json"
    configuration.write_text('{"mailboxes": ["A@x.test", "b@x.test"]}')
    assert list(check.check_incoming(metrics, configuration)) == []
    metrics.write_text(f"# TYPE listkit_bridge_up gauge\n{samples}")
    (finding,) = check.check_incoming(metrics, configuration)
    assert finding.well is well
    assert well or "A@x.test" in finding.seen


class TestLists:
    WANTED: ClassVar = {"a@x.test": {"first_strip_reply_to": True}, "b@x.test": {}}

    @pytest.fixture
    def answers(self, monkeypatch):
        """What Mailman answers, by path."""
        known = {
            "lists": {"entries": [{"fqdn_listname": "a@x.test"}, {"fqdn_listname": "b@x.test"}]},
            "lists/a@x.test/config": {"first_strip_reply_to": True},
            "lists/b@x.test/config": {},
        }
        monkeypatch.setattr(check, "_rest", known.__getitem__)
        return known

    def test_lists_as_declared(self, answers):
        assert [finding.well for finding in check.check_lists(self.WANTED)] == [True, True, True]

    def test_a_missing_list_is_named(self, answers):
        answers["lists"]["entries"].pop()
        _rest, finding, _settings = check.check_lists(self.WANTED)
        assert not finding.well
        assert "b@x.test" in finding.seen

    def test_a_setting_that_was_changed_is_named(self, answers):
        answers["lists/a@x.test/config"]["first_strip_reply_to"] = False
        _rest, _missing, finding = check.check_lists(self.WANTED)
        assert not finding.well
        assert finding.seen == "a@x.test: first_strip_reply_to is False"

    def test_a_mailman_without_its_database_is_a_finding(self, monkeypatch):
        def fail(path):
            raise OSError("HTTP Error 500: Internal Server Error")

        monkeypatch.setattr(check, "_rest", fail)
        (finding,) = check.check_lists(self.WANTED)
        assert not finding.well
        assert "postgresql" in finding.fix


@pytest.mark.parametrize(
    ("host", "lifetime", "left", "well"),
    [
        ("lists.x.test", 90, 15, True),
        ("other.x.test", 90, 15, False),
        ("lists.x.test", 90, 13, False),
        ("lists.x.test", 6, 2, True),
        ("lists.x.test", 6, 1, False),
    ],
)
def test_a_certificate_is_for_the_host_and_has_enough_of_its_life_left(host, lifetime, left, well):
    now = 1_800_000_000
    end = now + left * check.DAY_SECONDS
    certificate = Certificate(frozenset({"lists.x.test"}), end - lifetime * check.DAY_SECONDS, end, False, "")
    finding = check.judge_certificate(certificate, host, 14, now)
    assert finding.well is well
    assert f"{left} days left" in finding.seen and host in finding.seen
