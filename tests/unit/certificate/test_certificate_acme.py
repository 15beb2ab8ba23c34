"""Whether asking the authority is worth an attempt, and how it is asked."""

import http.server
import subprocess
import threading

import pytest

from listkit.certificate import acme, dns_lookup, reachability
from listkit.certificate.files import CertificateError, Pair, make_self_signed

NAME = "lists.example.org"


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setattr(acme, "ROOT", tmp_path / "acme")
    monkeypatch.setattr(acme, "WEBROOT", tmp_path / "webroot")


@pytest.fixture
def web_server(tmp_path, monkeypatch):
    """A web server for the challenges, where `_fetch` looks for port 80."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(acme.WEBROOT))

        def log_message(self, *arguments):
            """Keep the tests' output clean."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client, port = reachability.http.client, server.server_port
    connection = client.HTTPConnection
    monkeypatch.setattr(client, "HTTPConnection", lambda host, _, timeout: connection(host, port, timeout))
    yield server
    server.shutdown()
    server.server_close()


def records(monkeypatch, *addresses):
    monkeypatch.setattr(dns_lookup, "addresses", lambda name: list(addresses))


def test_a_name_that_leads_here_is_reachable(web_server, monkeypatch):
    records(monkeypatch, "127.0.0.1")
    assert reachability.unreachable([NAME], []) == {}
    assert list((acme.WEBROOT / reachability.CHALLENGES).iterdir()) == []


def test_a_missing_record_is_spelt_out(monkeypatch):
    records(monkeypatch)
    spelt_out = "create lists.example.org. A 192.0.2.7 and lists.example.org. AAAA 2001:db8::7"
    assert spelt_out in reachability.unreachable([NAME], ["192.0.2.7", "2001:db8::7"])[NAME]


def test_a_record_that_leads_elsewhere_is_named(web_server, monkeypatch):
    records(monkeypatch, "127.0.0.1", "127.9.9.9")
    problem = reachability.unreachable([NAME], ["192.0.2.7"])[NAME]
    assert "leads to 127.9.9.9, where this host does not answer" in problem
    assert "change it to lists.example.org. A 192.0.2.7" in problem


def test_each_name_has_its_own_problem(web_server, monkeypatch):
    monkeypatch.setattr(dns_lookup, "addresses", lambda name: ["127.0.0.1"] if name == NAME else [])
    assert list(reachability.unreachable([NAME, "gone.example.org"], [])) == ["gone.example.org"]


def test_another_hosts_page_is_not_ours(web_server, monkeypatch, tmp_path):
    records(monkeypatch, "127.0.0.1")
    monkeypatch.setattr(acme, "WEBROOT", tmp_path / "elsewhere")
    web_server.RequestHandlerClass.do_GET = lambda handler: handler.send_error(404)
    assert "HTTP 404" in reachability.unreachable([NAME], ["192.0.2.7"])[NAME]


def test_a_name_server_that_is_silent_is_named(monkeypatch):
    def silent(name):
        raise dns_lookup.DnsError("no answer about lists.example.org: 192.0.2.53: timed out")

    monkeypatch.setattr(dns_lookup, "addresses", silent)
    assert "192.0.2.53: timed out" in reachability.unreachable([NAME], [])[NAME]


def test_certbot_is_asked_for_all_names_in_one_certificate():
    command = acme.certbot_command([NAME, "lists.example.net"], "admin@example.org", "https://acme.example/dir")
    assert [command[i + 1] for i, word in enumerate(command) if word == "--domain"] == [NAME, "lists.example.net"]
    assert command[command.index("--server") + 1] == "https://acme.example/dir"
    assert "--renew-with-new-domains" in command


DIRECTORY = "https://acme.example/dir"


def put(pair, directory):
    """Write what certbot keeps of a certificate."""
    for folder in ("live", "archive"):
        (acme.ROOT / folder / acme.NAME).mkdir(parents=True, exist_ok=True)
    (acme.ROOT / "live" / acme.NAME / "fullchain.pem").write_bytes(pair.chain)
    (acme.ROOT / "live" / acme.NAME / "privkey.pem").write_bytes(pair.key)
    (acme.ROOT / "renewal").mkdir(exist_ok=True)
    kept = f"version = 2.1.0\narchive_dir = /a\n[renewalparams]\naccount = 00\nserver = {directory}\n"
    (acme.ROOT / "renewal" / f"{acme.NAME}.conf").write_text(kept)


def certbot(returncode=0, stderr="", issues=None, directory=DIRECTORY):
    def run(command, env, **options):
        run.environment = env
        run.found = sorted(path.name for path in acme.ROOT.glob("*/listkit*"))
        if issues:
            put(issues, directory)
        return subprocess.CompletedProcess(command, returncode, "", stderr)

    return run


def test_what_is_issued_is_returned_and_the_authoritys_own_ca_is_believed():
    pair = make_self_signed([NAME])
    run = certbot(issues=pair)
    assert acme.obtain([NAME], "", DIRECTORY, "/etc/ssl/own.pem", run) == pair
    assert run.environment["REQUESTS_CA_BUNDLE"] == "/etc/ssl/own.pem"


def test_a_refusal_carries_the_authoritys_reason():
    said = """Saving debug log to /var/lib/listkit/acme/logs/letsencrypt.log
Certbot failed to authenticate some domains (authenticator: webroot). The Certificate Authority reported these problems:
  Domain: lists.example.org
  Type:   connection
  Detail: Fetching http://lists.example.org/.well-known/acme-challenge/x: Connection refused

Hint: …
Some challenges have failed.
"""
    explained = r"Domain: lists.example.org Type: +connection Detail: .* refused$"
    with pytest.raises(acme.Refused, match=explained) as refusal:
        acme.obtain([NAME, "lists.example.net"], "", DIRECTORY, None, certbot(1, said))
    assert refusal.value.names == [NAME]


def test_an_unexpected_error_is_reported_without_the_chatter():
    said = """Saving debug log to /var/lib/listkit/acme/logs/letsencrypt.log
An unexpected error occurred:
Account "http://acme.example/my-account/1" not found.
Ask for help or search for solutions at https://community.letsencrypt.org. See the logfile.
"""
    assert acme.explanation(said) == (
        'An unexpected error occurred: Account "http://acme.example/my-account/1" not found.'
    )


@pytest.mark.parametrize(
    "run",
    [
        certbot(),
        certbot(issues=make_self_signed(["other.example.org"])),
        certbot(issues=make_self_signed([NAME]), directory="https://other.example/dir"),
    ],
)
def test_success_without_the_certificate_is_no_success(run):
    with pytest.raises(CertificateError, match="is not in"):
        acme.obtain([NAME], "", DIRECTORY, None, run)


def test_what_certbot_left_half_written_is_out_of_its_way():
    pair, other = make_self_signed([NAME]), make_self_signed([NAME])
    put(Pair(pair.chain, other.key), DIRECTORY)
    assert acme.issued() is None
    run = certbot(issues=pair)
    acme.obtain([NAME], "", DIRECTORY, None, run)
    assert run.found == []


def test_what_certbot_can_go_on_with_is_left_to_it():
    pair = make_self_signed([NAME])
    put(pair, DIRECTORY)
    run = certbot(issues=pair)
    acme.obtain([NAME], "", DIRECTORY, None, run)
    assert run.found == ["listkit", "listkit", "listkit.conf"]


def test_an_attempts_file_that_can_not_be_read_starts_from_nothing(tmp_path):
    (tmp_path / "attempts.json").write_text("[")
    assert acme.Attempts.load(tmp_path / "attempts.json", "q") == acme.Attempts("q")


def test_the_longest_pause_is_a_day():
    attempts = acme.Attempts("q", failures=40)
    attempts.failed(1000.0, "no")
    assert attempts.next_at == 1000.0 + 24 * 3600
