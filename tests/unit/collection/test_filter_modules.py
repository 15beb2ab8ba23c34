"""The modules `ban` and `header_match` against a double of Mailman."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.listkit.mailman3.plugins.module_utils import rest
from ansible_collections.listkit.mailman3.plugins.modules import ban, header_match
from mailman_double import PASSWORD, MailmanDouble, recorded_config

LIST = "news@example.org"


@pytest.fixture
def mailman():
    double = MailmanDouble()
    double.lists[LIST] = recorded_config()
    yield double
    double.close()


@pytest.fixture
def converge(mailman):
    """Run a module; return whether it changed something, and its results."""
    api = rest.Api(mailman.url, "restadmin", PASSWORD)

    def run(module, check=False, **params):
        (change,), results = module.converge(SimpleNamespace(params=params, check_mode=check), api)
        return bool(change), results

    return run


@pytest.mark.parametrize("where", [LIST, None])
def test_bans_are_added_removed_and_exact(mailman, converge, where):
    def bans():
        return mailman.bans.get(where or "", [])

    assert converge(ban, True, list=where, addresses=["Eve@example.com"], state="present")[0] and not mailman.writes
    assert converge(ban, list=where, addresses=["Eve@example.com"], state="present")[0] and bans() == [
        "eve@example.com"
    ]
    assert not converge(ban, list=where, addresses=["eve@example.com"], state="present")[0]
    results = converge(ban, list=where, addresses=["^.*@example[.]net$"], state="present")[1]
    assert results["bans"] == sorted(bans())
    converge(ban, list=where, addresses=["^.*@example[.]net$"], state="absent")
    assert bans() == ["eve@example.com"]
    converge(ban, list=where, addresses=["mal@example.com"], state="exact")
    assert bans() == ["mal@example.com"]


def test_a_header_match_is_added_changed_and_removed(mailman, converge):
    spam = {"list": LIST, "header": "X-Spam-Flag", "pattern": "yes", "action": "hold", "state": "present"}
    converge(header_match, **{**spam, "header": "Subject", "action": None})
    assert converge(header_match, True, **spam)[0] and len(mailman.header_matches[LIST]) == 1
    assert converge(header_match, **spam)[0] and not converge(header_match, **spam)[0]
    assert converge(header_match, **{**spam, "action": "discard"})[0]
    assert mailman.header_matches[LIST] == [
        {"header": "subject", "pattern": "yes"},
        {"header": "x-spam-flag", "pattern": "yes", "action": "discard"},
    ]
    assert converge(header_match, **{**spam, "state": "absent"})[0]
    assert mailman.header_matches[LIST] == [{"header": "subject", "pattern": "yes"}]


@pytest.mark.parametrize(
    ("module", "params", "reason"),
    [
        (ban, {"list": LIST, "addresses": ["eve"], "state": "present"}, "addresses: 'eve' is neither an address"),
        (ban, {"list": "no@example.org", "addresses": [], "state": "exact"}, "no@example.org: there is no such list"),
        (
            header_match,
            {"list": LIST, "header": "X:", "pattern": "a", "action": None, "state": "present"},
            "'X:' is not the name of a header; write it without a colon",
        ),
    ],
)
def test_what_is_not_valid_is_refused(mailman, converge, module, params, reason):
    with pytest.raises(ValueError, match=reason):
        converge(module, **params)
    assert mailman.writes == []
