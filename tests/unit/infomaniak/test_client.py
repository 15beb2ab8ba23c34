"""The client: login, rate limit, retries, asynchronous answers, and writes that changed nothing."""

from __future__ import annotations

from http.client import IncompleteRead

import pytest
from ansible_collections.listkit.infomaniak.plugins.module_utils import client as client_module
from ansible_collections.listkit.infomaniak.plugins.module_utils.client import ApiError, Client, NotApplied, Unreachable

from infomaniak_api.server import TOKEN

MAILBOX = "/1/mail_hostings/123456/mailboxes/mailman"
ALIASES = f"{MAILBOX}/aliases"


def test_it_reads_and_writes(client, mailbox):
    assert client.get(ALIASES) == {"enabled_alias": 1, "aliases": []}
    assert client.post(ALIASES, {"alias": "news"}).data is True
    assert mailbox.aliases == ["news"]
    assert client.requests == 2


def test_requests_keep_to_the_rate(client, api, clock):
    for _ in range(121):
        client.get(ALIASES)
    assert len(api.requests) == 121, "no request was refused"
    assert 2 * 60 <= clock.slept <= 2 * 62


def test_too_many_requests_of_others_are_waited_for_as_long_as_asked(client, api, clock):
    api.switches.requests_per_minute = 1
    client.get(ALIASES)
    client.get(ALIASES)
    assert len(api.requests) == 3 and 60 <= clock.slept <= 62


def test_a_busy_service_is_not_waited_for_beyond_the_deadline(api, clock):
    api.switches.requests_per_minute = 0
    api._recent.append(clock())
    client = Client(api.url, TOKEN, wait=10, clock=clock, sleep=clock.sleep)
    with pytest.raises(ApiError, match="too many requests in one minute"):
        client.get(ALIASES)
    assert clock.slept == 0


def test_failures_pass(client, api, mailbox, clock):
    api.switches.broken_requests = 3
    client.post(ALIASES, {"alias": "news"})
    assert mailbox.aliases == ["news"]
    assert 1 + 2 + 4 - 2 <= clock.slept <= 1 + 2 + 4 + 2, "with longer and longer pauses"


def test_an_outage_is_named(client, api):
    api.switches.broken_requests = 100
    with pytest.raises(ApiError, match="API fails") as caught:
        client.get(ALIASES)
    assert caught.value.status == 502 and len(api.requests) == client_module.ATTEMPTS


def test_a_page_instead_of_an_answer_is_an_outage(client, api):
    api.switches.broken_requests, api.switches.broken_status = 100, 200
    with pytest.raises(ApiError, match="not JSON"):
        client.get(ALIASES)


def test_what_must_not_happen_twice_is_sent_once(client, api):
    api.switches.lost_answers = 1
    with pytest.raises(ApiError):
        client.post(ALIASES, {"alias": "news"}, repeatable=False)
    assert api.requests == [f"POST {ALIASES}"]


def test_too_many_requests_did_nothing_and_may_be_repeated(client, api, mailbox):
    api.switches.requests_per_minute = 1
    client.get(ALIASES)
    client.post(ALIASES, {"alias": "news"}, repeatable=False)
    assert mailbox.aliases == ["news"]


def test_slow_answers_are_given_up(api, clock):
    client = Client(api.url, TOKEN, timeout=0.05, clock=clock, sleep=clock.sleep)
    api.switches.seconds_for_each_answer = 0.2
    with pytest.raises(Unreachable, match="Check that this machine reaches it"):
        client.get(ALIASES)


def test_nobody_there(api, clock):
    client = Client("http://127.0.0.1:1", TOKEN, clock=clock, sleep=clock.sleep)
    with pytest.raises(Unreachable, match=r"No answer to GET /1/.* came from http://127.0.0.1:1: .*refused"):
        client.get(ALIASES)


def test_a_wrong_token(api, clock):
    client = Client(api.url, "another-token", clock=clock, sleep=clock.sleep)
    with pytest.raises(ApiError, match="wrong or expired") as caught:
        client.get(ALIASES)
    assert "another-token" not in str(caught.value) and len(api.requests) == 1


def test_an_answer_that_is_prepared_is_waited_for(client, api):
    api.switches.reads_not_ready = 3
    assert client.get(ALIASES)["aliases"] == []


def test_an_answer_that_is_never_ready(client, api, clock):
    api.switches.reads_not_ready = 1000
    with pytest.raises(ApiError, match="isn't ready after 300 s"):
        client.get(ALIASES)
    assert 200 <= clock.slept <= 300


def confirm(client, written, alias="news"):
    return client.confirm(
        lambda: client.get(ALIASES)["aliases"], lambda aliases: alias in aliases, alias, written.asynchronous
    )


def test_an_asynchronous_write_is_waited_for(client, api):
    api.switches.writes_done_after_reads = 5
    written = client.post(ALIASES, {"alias": "news"})
    assert written.asynchronous and confirm(client, written) == ["news"]


def test_an_asynchronous_write_has_a_deadline(client, api, clock):
    api.switches.writes_done_after_reads = 1000
    with pytest.raises(NotApplied, match="after 300 s: news"):
        confirm(client, client.post(ALIASES, {"alias": "news"}))
    assert 200 <= clock.slept <= 300


def test_a_success_that_changed_nothing_is_an_error(client, api, clock):
    api.switches.ignore_writes = True
    with pytest.raises(NotApplied, match="accepted the change and hasn't made it after 5 s: news"):
        confirm(client, client.post(ALIASES, {"alias": "news"}))


def test_the_fields_of_a_refused_body_are_named(client):
    with pytest.raises(ApiError, match=r"alias \(validation_rule_max\)"):
        client.post(ALIASES, {"alias": "x" * 65})


def test_an_error_is_one_whatever_its_status(client, api):
    api.switches.errors_with_status_200 = True
    with pytest.raises(ApiError, match="no such alias") as caught:
        client.delete(f"{ALIASES}/nobody")
    assert caught.value.code == "alias_does_not_exist"


@pytest.mark.parametrize("context", [[], None, {}, {"attribute": "alias"}])
def test_errors_with_and_without_context(context):
    assert "(required)" in client_module._fields({"errors": [{"code": "required", "context": context}]})


def test_an_answer_that_breaks_off(client, monkeypatch, clock):
    def break_off(*_arguments, **_options):
        raise IncompleteRead(b"half")

    monkeypatch.setattr(client._opener, "open", break_off)
    with pytest.raises(Unreachable, match="IncompleteRead"):
        client.get(ALIASES)


def test_all_pages_are_read(client, monkeypatch):
    pages = {None: {"data": [1, 2], "pages": 3}, 2: {"data": [3, 4], "pages": 3}, 3: {"data": [5], "pages": 3}}
    monkeypatch.setattr(client, "_ready", lambda path, query: pages[(query or {}).get("page")])
    assert client.get_all("/x") == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(None, None), ("7", 7), ("", None), ("Mon, 01 Jan 2001 00:00:00 GMT", 0), ("soon", None), ("Mon, soon", None)],
)
def test_retry_after(value, seconds):
    assert client_module._retry_after(value) == seconds
