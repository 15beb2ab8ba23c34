"""The configuration, and what is said about a wrong one."""

from __future__ import annotations

import copy
import json
import re

import pytest

from listkit.bridge.cli import main
from listkit.bridge.config import load, load_without_passwords
from listkit.common.configuration import ConfigurationError

GOOD = {
    "mailboxes": ["Mailman@example.org"],
    "imap": {"host": "mail.infomaniak.com"},
    "domains": {"example.org": ["example.net"]},
    "list_suffixes": ["owner", "bounces"],
    "site_owner": {"address": "admin@example.com"},
}


@pytest.fixture
def files(tmp_path):
    (tmp_path / "mail_passwords").write_text('{"mailman@example.org": "hush-hush"}\n')
    (tmp_path / "rest_password").write_text("rest-hush\n")

    def write(configuration: object) -> object:
        path = tmp_path / "bridge.json"
        path.write_text(json.dumps(configuration))
        return path

    return write


def test_a_short_configuration_has_sensible_defaults(files, tmp_path):
    configuration = load(files(GOOD), tmp_path)
    (mailbox,) = configuration.mailboxes
    assert (mailbox.account, mailbox.host, mailbox.port) == ("mailman@example.org", "mail.infomaniak.com", 993)
    assert mailbox.password == "hush-hush"
    assert mailbox.folders.fetch == ("INBOX", "Promotions", "SocialNetworks")
    assert mailbox.folders.report == ("Spam",)
    assert configuration.domains == {"example.org": "example.org", "example.net": "example.org"}
    assert (configuration.lmtp.host, configuration.lmtp.port) == ("127.0.0.1", 8024)
    assert configuration.rest.password == "rest-hush"
    assert configuration.envelope_headers[0] == "Delivered-To"
    assert configuration.keep_days.processed == 7


def test_addresses_are_compared_in_lower_case(files, tmp_path):
    owner = {"address": "Admin@Example.com", "local_parts": ["Mailman", "postorius"]}
    configuration = load(files({**GOOD, "domains": {"Example.org": []}, "site_owner": owner}), tmp_path)
    assert configuration.site_owner.local_parts == ("mailman", "postorius")
    assert configuration.site_owner.address == "admin@example.com"


def test_passwords_do_not_show(files, tmp_path):
    assert "hush" not in repr(load(files(GOOD), tmp_path))


@pytest.mark.parametrize(
    "keep_days",
    [{"processed": 0, "delivered": 0}, {"processed": 90, "delivered": 0}, {"processed": 90, "delivered": 120}],
)
def test_deliveries_may_be_remembered_indefinitely(files, keep_days):
    load_without_passwords(files({**GOOD, "keep_days": keep_days}))


WRONG = [
    (("mailboxes",), [], "mailboxes: "),
    (("mailboxes",), "mailman@example.org", "mailboxes: "),
    (("mailboxes",), ["no address"], "mailboxes[0]: "),
    (("mailboxes",), ["a@example.org", "A@example.org"], "named twice"),
    (("imap", "host"), None, "imap.host: "),
    (("imap", "port"), 0, "imap.port: "),
    (("imap", "port"), "993", "imap.port: "),
    (("imap", "ca_file"), "relative.pem", "imap.ca_file: "),
    (("imap", "folders"), {"fetch": []}, "imap.folders.fetch: "),
    (("imap", "folders"), {"fetch": ["INBOX", "Processed"]}, "both read and written"),
    (("imap", "folders"), {"replay": "a\r\nb"}, "imap.folders.replay: "),
    (("imap", "user"), "x", "imap.user: unknown key"),
    (("domains",), {}, "domains: "),
    (("domains",), {"example.org": ["not a domain"]}, "domains.example.org: "),
    (("domains",), {"example.org": ["b.org"], "example.com": ["b.org"]}, "belongs to two domains"),
    (("list_suffixes",), None, "list_suffixes: "),
    (("lmtp",), {"port": 70_000}, "lmtp.port: "),
    (("rest",), {"url": "ftp://x"}, "rest.url: "),
    (("site_owner", "address"), "admin", "site_owner.address: "),
    (("poll_seconds",), 0, "poll_seconds: "),
    (("poll_seconds",), True, "poll_seconds: "),
    (("delete_processed",), "yes", "delete_processed: "),
    (("keep_days",), {"processed": 60, "delivered": 30}, "keep_days.delivered: "),
    (("keep_days",), {"unrouted": -1}, "keep_days.unrouted: "),
    (("state",), "here", "state: "),
    (("envelope_headers",), ["Delivered To"], "envelope_headers[0]: "),
    (("mailboxs",), [], "mailboxs: unknown key"),
]


@pytest.mark.parametrize(("key", "value", "expected"), WRONG)
def test_a_wrong_value_is_named_with_an_example(files, key, value, expected):
    configuration = copy.deepcopy(GOOD)
    place = configuration
    for name in key[:-1]:
        place = place[name]
    place[key[-1]] = value
    with pytest.raises(ConfigurationError) as error:
        load_without_passwords(files(configuration))
    assert expected in str(error.value)
    assert re.search("for example: |known keys: ", str(error.value))


def test_all_problems_are_reported_at_once(files):
    with pytest.raises(ConfigurationError) as error:
        load_without_passwords(files({"mailboxes": [], "poll_seconds": 0, "imap": {}}))
    assert len(str(error.value).splitlines()) >= 5


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "\xff"])
def test_what_is_no_json_object_is_refused(tmp_path, text):
    path = tmp_path / "bridge.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigurationError):
        load_without_passwords(path)


@pytest.mark.parametrize(
    "content", ["", "hush-hush", '["hush-hush"]', '{"mailman@example.org": ""}', '{"b@c.org": "hush-hush"}']
)
def test_a_wrong_credential_is_named_and_not_shown(files, tmp_path, content):
    path = files(GOOD)
    (tmp_path / "mail_passwords").write_text(content)
    with pytest.raises(ConfigurationError) as error:
        load(path, tmp_path)
    assert "mail_passwords" in str(error.value)
    assert "hush" not in str(error.value)


def test_the_command_checks_without_passwords(files, tmp_path, capsys):
    path = files(GOOD)
    (tmp_path / "mail_passwords").unlink()
    assert main(["--check", "--config", str(path)]) == 0
    assert main(["--config", str(path), "--credentials", str(tmp_path)]) == 2
    assert "mail_passwords" in capsys.readouterr().err
