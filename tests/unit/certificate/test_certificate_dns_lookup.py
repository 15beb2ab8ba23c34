"""The addresses of a name, asked of real name servers on this machine."""

import contextlib
import socket
import struct
import threading

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from listkit.certificate import dns_lookup

NAME = "lists.example.org"
MANY = [f"192.0.2.{number}" for number in range(1, 201)]


class NameServer:
    """Answers over UDP and TCP on one port. `truncates`: over UDP it sends only "too long, ask over TCP"."""

    def __init__(self, records, rcode=dns.rcode.NOERROR, truncates=False):
        self.records, self.rcode, self.truncates = records, rcode, truncates
        self.asked = []
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self.port = self._udp.getsockname()[1]
        self._tcp = socket.create_server(("127.0.0.1", self.port))
        for serve in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=serve, daemon=True).start()

    def close(self):
        self._udp.close()
        self._tcp.close()

    def _serve_udp(self):
        with contextlib.suppress(OSError):  # the socket is closed at the end of the test
            while True:
                data, client = self._udp.recvfrom(4096)
                self._udp.sendto(self._answer(data, "udp").to_wire(), client)

    def _serve_tcp(self):
        with contextlib.suppress(OSError):  # the socket is closed at the end of the test
            while True:
                connection, _ = self._tcp.accept()
                with connection:
                    (size,) = struct.unpack("!H", connection.recv(2))
                    wire = self._answer(connection.recv(size), "tcp").to_wire()
                    connection.sendall(struct.pack("!H", len(wire)) + wire)

    def _answer(self, data, way):
        query = dns.message.from_wire(data)
        question = query.question[0]
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((way, kind))
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        answer.set_rcode(self.rcode)
        if self.truncates and way == "udp":
            answer.flags |= dns.flags.TC
        elif found := self.records.get(kind):
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *found))
        return answer


@pytest.fixture
def name_server(monkeypatch):
    """Start a name server that the resolver asks; its arguments are those of `NameServer`."""
    started = []

    def start(*arguments, **options):
        server = NameServer(*arguments, **options)
        started.append(server)
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port, resolver.lifetime = ["127.0.0.1"], server.port, 5.0
        monkeypatch.setattr(dns_lookup, "resolver", lambda: resolver)
        return server

    yield start
    for server in started:
        server.close()


def test_both_kinds_of_addresses_are_found(name_server):
    name_server({"A": ["192.0.2.10"], "AAAA": ["2001:db8::1"]})
    assert dns_lookup.addresses(NAME) == ["192.0.2.10", "2001:db8::1"]


def test_a_truncated_answer_is_asked_for_again_over_tcp(name_server):
    """It holds no record: read as it is, it would say that the name has none."""
    server = name_server({"A": MANY}, truncates=True)
    assert sorted(dns_lookup.addresses(NAME)) == sorted(MANY)
    assert server.asked == [("udp", "A"), ("tcp", "A"), ("udp", "AAAA"), ("tcp", "AAAA")]


@pytest.mark.parametrize("rcode", [dns.rcode.NOERROR, dns.rcode.NXDOMAIN])
def test_a_name_without_records_has_no_addresses(name_server, rcode):
    name_server({}, rcode)
    assert dns_lookup.addresses(NAME) == []


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
def test_a_name_server_that_fails_is_an_error_and_not_a_missing_name(name_server, rcode):
    name_server({}, rcode)
    with pytest.raises(dns_lookup.DnsError, match=f"about {NAME}: .*{dns.rcode.to_text(rcode)}"):
        dns_lookup.addresses(NAME)


def test_a_silent_name_server_is_an_error(monkeypatch):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port, resolver.lifetime = ["127.0.0.1"], silent.getsockname()[1], 0.1
        monkeypatch.setattr(dns_lookup, "resolver", lambda: resolver)
        with pytest.raises(dns_lookup.DnsError, match="timed out"):
            dns_lookup.addresses(NAME)


def test_a_host_without_name_servers_is_an_error(monkeypatch, tmp_path):
    (tmp_path / "resolv.conf").write_text("search example.org\n")
    monkeypatch.setattr(dns_lookup.dns.resolver.Resolver, "read_resolv_conf", resolv_conf(tmp_path / "resolv.conf"))
    with pytest.raises(dns_lookup.DnsError, match="no nameservers"):
        dns_lookup.addresses(NAME)


def resolv_conf(path):
    read = dns.resolver.Resolver.read_resolv_conf
    return lambda self, _: read(self, str(path))
