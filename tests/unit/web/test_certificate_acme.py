"""Whether asking the authority is worth an attempt, and how it is asked."""

import http.server
import subprocess
import threading

import pytest

from listkit import certificate_acme as acme
from listkit import certificate_dns
from listkit.certificate_files import CertificateError, make_self_signed

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
    connection = acme.http.client.HTTPConnection
    port = server.server_port
    monkeypatch.setattr(acme.http.client, "HTTPConnection", lambda host, _, timeout: connection(host, port, timeout))
    yield server
    server.shutdown()
    server.server_close()


def records(monkeypatch, *addresses):
    monkeypatch.setattr(certificate_dns, "addresses", lambda name: list(addresses))


def test_a_name_that_leads_here_is_reachable(web_server, monkeypatch):
    records(monkeypatch, "127.0.0.1")
    acme.check_reachable([NAME], [])
    assert list((acme.WEBROOT / acme.CHALLENGES).iterdir()) == []


def test_a_missing_record_is_spelt_out(monkeypatch):
    records(monkeypatch)
    with pytest.raises(acme.Unreachable, match=r"create lists\.example\.org\. A 192\.0\.2\.7 and .* AAAA 2001:db8::7"):
        acme.check_reachable([NAME], ["192.0.2.7", "2001:db8::7"])


def test_a_record_that_leads_elsewhere_is_named(web_server, monkeypatch):
    records(monkeypatch, "127.0.0.1", "127.9.9.9")
    with pytest.raises(acme.Unreachable, match=r"127\.9\.9\.9.*should be|127\.9\.9\.9.*it should be"):
        acme.check_reachable([NAME], ["192.0.2.7"])


def test_another_hosts_page_is_not_ours(web_server, monkeypatch, tmp_path):
    records(monkeypatch, "127.0.0.1")
    monkeypatch.setattr(acme, "WEBROOT", tmp_path / "elsewhere")
    web_server.RequestHandlerClass.do_GET = lambda handler: handler.send_error(404)
    with pytest.raises(acme.Unreachable, match="HTTP 404"):
        acme.check_reachable([NAME], ["192.0.2.7"])


def test_a_name_server_that_is_silent_is_named(monkeypatch):
    def silent(name):
        raise certificate_dns.DnsError("no answer about lists.example.org: 192.0.2.53: timed out")

    monkeypatch.setattr(certificate_dns, "addresses", silent)
    with pytest.raises(acme.Unreachable, match=r"192\.0\.2\.53: timed out"):
        acme.check_reachable([NAME], [])


def test_certbot_is_asked_for_all_names_in_one_certificate():
    command = acme.certbot_command([NAME, "lists.example.net"], "admin@example.org", "https://acme.example/dir")
    assert [command[i + 1] for i, word in enumerate(command) if word == "--domain"] == [NAME, "lists.example.net"]
    assert command[command.index("--server") + 1] == "https://acme.example/dir"
    assert "--renew-with-new-domains" in command


def certbot(returncode=0, stderr="", issues=None):
    def run(command, env, **options):
        run.environment = env
        if issues:
            lineage = acme.ROOT / "live" / acme.NAME
            lineage.mkdir(parents=True)
            (lineage / "fullchain.pem").write_bytes(issues.chain)
            (lineage / "privkey.pem").write_bytes(issues.key)
        return subprocess.CompletedProcess(command, returncode, "", stderr)

    return run


def test_what_is_issued_is_returned_and_the_authoritys_own_ca_is_believed():
    pair = make_self_signed([NAME])
    run = certbot(issues=pair)
    assert acme.obtain([NAME], "", "https://acme.example/dir", "/etc/ssl/own.pem", run) == pair
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
    with pytest.raises(CertificateError, match=r"Domain: lists.example.org Type: +connection Detail: .* refused$"):
        acme.obtain([NAME], "", "https://acme.example/dir", None, certbot(1, said))


def test_an_unexpected_error_is_told_without_the_chatter():
    said = """Saving debug log to /var/lib/listkit/acme/logs/letsencrypt.log
An unexpected error occurred:
Account "http://acme.example/my-account/1" not found.
Ask for help or search for solutions at https://community.letsencrypt.org. See the logfile.
"""
    assert acme.explanation(said) == (
        'An unexpected error occurred: Account "http://acme.example/my-account/1" not found.'
    )


def test_success_without_a_certificate_is_no_success():
    with pytest.raises(CertificateError, match="there is no certificate"):
        acme.obtain([NAME], "", "https://acme.example/dir", None, certbot())


def test_an_attempts_file_that_can_not_be_read_starts_from_nothing(tmp_path):
    (tmp_path / "attempts.json").write_text("[")
    assert acme.Attempts.load(tmp_path / "attempts.json", "q") == acme.Attempts("q")


def test_the_longest_pause_is_a_day():
    attempts = acme.Attempts("q", failures=40)
    attempts.failed(1000.0, "no")
    assert attempts.next_at == 1000.0 + 24 * 3600
