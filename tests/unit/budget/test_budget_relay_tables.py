"""Postfix's tables, as the role makes them, and the budget agree on whose a sender is and what stays here."""

import re
from pathlib import Path

import pytest
import yaml
from ansible.plugins.filter.core import comment, regex_escape
from ansible_collections.listkit.mailman3.plugins.filter.sub_addresses import sub_addresses
from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import SUB_ADDRESSES
from jinja2 import Environment, FileSystemLoader

from listkit.budget.accounts import Account, Site
from listkit.budget.answers import AnswerLimits
from listkit.budget.window import Limits
from listkit.common import round_trip
from listkit.common.answers import HEADER
from listkit.reachability import trips
from listkit.reachability.targets import Target

ROLE = Path(__file__).parents[3] / "roles/relay"
VARIABLES = {
    "ansible_managed": "managed",
    "site_debian": {"postfix_unit": "postfix.service"},
    "relay_hostname": "lists.example.org",
    "relay_list_domains": ["example.org", "other.test"],
    "relay_own_senders": ["postorius@example.org"],
    "relay_verp": False,
    "site_endpoints": {"core_lmtp": {"host": "127.0.0.1", "port": 8024}},
    "relay_root_recipient": "admin@private.test",
    "relay_accounts": [
        {"address": "mailman@example.org", "password": "x"},
        {"address": "second@example.org", "password": "y", "lists": ["dev@example.org", "a.b+c@other.test"]},
    ],
}
LIMITS = Limits(1440, 100, 86400, 57)
SITE = Site(
    (
        Account("mailman@example.org", LIMITS),
        Account("second@example.org", LIMITS, {"dev@example.org": 0, "a.b+c@other.test": 0}),
    ),
    ("example.org", "other.test"),
    SUB_ADDRESSES,
    432000,
    AnswerLimits(per_recipient=2, per_list_and_hour=10),
)


def rendered(name, **changes):
    """(pattern, result) of each row of one of the role's tables."""
    environment = Environment(  # noqa: S701 -- no HTML
        loader=FileSystemLoader(ROLE / "templates/etc/postfix"), trim_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {
        "comment": comment,
        "regex_escape": regex_escape,
        "listkit.mailman3.sub_addresses": sub_addresses,
    }
    values = VARIABLES | changes
    for key, value in yaml.safe_load((ROLE / "vars/main.yml").read_text()).items():
        if isinstance(value, str) and key not in ("_relay_replies", "_relay_budget", "_relay_submission_filter"):
            values[key] = environment.from_string(value).render(values)
    text = environment.get_template(f"{name}.j2").render(values)
    rows = [line for line in text.splitlines() if line.startswith("/")]
    return [(line[1:].rpartition("/ ")[0], line.rpartition("/ ")[2]) for line in rows]


def look_up(name, key, **changes):
    """What Postfix finds for a key; None when there is nothing."""
    for pattern, result in rendered(name, **changes):
        if found := re.search(pattern, key, re.IGNORECASE):
            return re.sub(r"\$\{(\d)\}", lambda group: found[int(group[1])], result)
    return None


def test_the_mark_of_answers_stays_on_the_host():
    assert look_up("sent_headers", f"{HEADER}: stranger") == "IGNORE"
    assert look_up("sent_headers", "X-Listkit-Answers: stranger") is None


def test_the_verdicts_of_spam_filters_stay_on_the_host():
    for line in ("X-Infomaniak-Spam: spam", "x-infomaniak-spam-status: ham", "X-Spam-Flag: YES", "X-Spam-Score: 9"):
        assert look_up("sent_headers", line) == "IGNORE"
    for line in ("X-Spamless: yes", "Subject: X-Spam-Flag: YES", "X-Infomaniak: a company"):
        assert look_up("sent_headers", line) is None


SENDERS = [
    "dev-bounces@example.org", "dev-owner@example.org", "dev@example.org", "dev-announce-bounces@example.org",
    "a.b+c-bounces@other.test", "axb+c-bounces@other.test", "other-bounces@other.test", "mailman@example.org",
    "second@example.org", "Dev-Bounces@example.org", "dev-bounces+x=y.z@example.org",
]  # fmt: skip


@pytest.mark.parametrize("sender", SENDERS)
def test_both_know_the_account_of(sender):
    transport = look_up("sender_transports", sender) or "account1"
    address = SITE.account_of(SITE.list_of(sender)).address
    assert transport == {"mailman@example.org": "account1", "second@example.org": "account2"}[address]


@pytest.mark.parametrize(
    "recipient",
    [
        "dev-bounces@example.org",
        "dev-bounces+x=y.z@example.org",
        "bounces@example.org",
        "ana@example.com",
        "dev@example.org",
    ],
)
def test_both_know_what_stays_here(recipient):
    stays = look_up("transports", recipient) is not None
    assert stays == (SITE.cost("dev-owner@example.org", [recipient]) == 0)


def test_a_test_message_to_a_bounce_address_leaves_through_the_first_account_and_is_counted():
    relayed = {"relay_host": "mail.infomaniak.com", "relay_port": 587}
    # As Postfix sees it: folded.
    message = trips.compose(Target("dev-bounces@example.org", "mailman@example.org"), "mailman@example.org", "key")
    header = re.search(rf"^{round_trip.HEADER}:.*\n(?:[ \t].*\n)*", message.as_string(), re.MULTILINE)
    assert header and header[0].count("\n") == 2
    assert look_up("header_checks", header[0], **relayed) == "FILTER account1:[mail.infomaniak.com]:587"
    assert SITE.cost("mailman@example.org", ["dev-bounces@example.org", "dev@example.org"]) == 2


@pytest.mark.parametrize(
    ("sender", "leaves_as"),
    [
        ("mailman@example.org", "mailman@example.org"),
        ("postorius@example.org", "postorius@example.org"),
        ("dev-bounces@example.org", "dev-bounces@example.org"),
        ("dev-bounces+ana=x.test@example.org", "dev-bounces@example.org"),
        ("dev-confirm+0a1b@other.test", "dev-confirm@other.test"),
        ("root@localhost.localdomain", "mailman@example.org"),
        ("www-data@lists.example.org", "mailman@example.org"),
        ("admin@private.test", "mailman@example.org"),
        ("somebody@example.org", "mailman@example.org"),
        ('""', None),
    ],
)
def test_what_leaves_belongs_to_the_account(sender, leaves_as):
    assert look_up("envelope_senders", sender) == leaves_as


def test_tags_stay_where_the_provider_takes_them():
    sender = "dev-bounces+ana=x.test@example.org"
    assert look_up("envelope_senders", sender, relay_verp=True) == sender


def test_no_author_has_a_tag():
    assert look_up("header_senders", "dev-bounces+0a1b@example.org", relay_verp=True) == "dev-bounces@example.org"
    assert look_up("header_senders", "dev+news@example.org", relay_verp=True) is None


def test_bounces_that_no_list_caused_are_discarded():
    assert look_up("sender_transports", "<>").startswith("discard:")


@pytest.mark.parametrize(
    ("author", "account"),
    [("root@localhost.localdomain", True), ("www-data@lists.example.org", True), ("ana@example.com", False)],
)
def test_the_hosts_users_write_as_the_account(author, account):
    assert look_up("header_senders", author) == ("mailman@example.org" if account else None)
