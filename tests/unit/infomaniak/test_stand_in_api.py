"""The stand-in has the description's routes, limits and errors."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request

import pytest
from module_run import HOSTING

from infomaniak_api.handlers import BEYOND_THE_DESCRIPTION, HANDLERS
from infomaniak_api.server import TOKEN
from infomaniak_api.table import made_from, routes

# Infomaniak's own lists are closed to new customers: ours only reads them.
CLOSED = "/mailing_lists"
SERVED = {name: route for name, route in routes().items() if CLOSED not in name or name.startswith("GET ")}
ERRORS = [
    (name, int(status), code)
    for name, route in SERVED.items()
    for status, codes in route["errors"].items()
    for code in codes
]


def ask(api, method, path, body=None, token=TOKEN):
    """Return status, content and headers of one request."""
    data = None if body is None and method == "GET" else json.dumps(body or {}).encode()
    request = urllib.request.Request(  # noqa: S310 - the stand-in's own address
        api.url + path, data, {"Authorization": f"Bearer {token}"}, method=method
    )
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - the stand-in's own address
            return answer.status, json.loads(answer.read()), answer.headers
    except urllib.error.HTTPError as error:
        content = error.read()
        is_json = error.headers["Content-Type"] == "application/json"
        return error.code, json.loads(content) if is_json else content, error.headers


def filled(name):
    """Return method and path of a route, every parameter in it replaced."""
    method, _, path = name.partition(" ")
    return method, re.sub(r"{(\w+)}", "1", path)


def body_for(route):
    """Return the smallest right body."""
    values = {"string": "imap", "integer": 3600, "boolean": True, "array": [], "object": {}}
    return {field: values[rule["type"]] for field, rule in route["body"].items() if rule["required"]}


def test_it_serves_the_routes_of_the_description():
    assert set(HANDLERS) == set(SERVED) | set(BEYOND_THE_DESCRIPTION)
    assert not set(BEYOND_THE_DESCRIPTION) & set(routes())


@pytest.mark.parametrize(("name", "status", "code"), ERRORS)
def test_every_error_of_the_description_can_be_had(api, name, status, code):
    api.switches.refusals[name] = [code]
    answered, content, _headers = ask(api, *filled(name), body_for(SERVED[name]))
    assert (answered, content["result"], content["error"]["code"]) == (status, "error", code)


@pytest.mark.parametrize("name", sorted(SERVED))
def test_every_route_answers_by_itself(api, name):
    status, content, _headers = ask(api, *filled(name), body_for(SERVED[name]))
    known = {code for codes in SERVED[name]["errors"].values() for code in codes} | {"object_not_found"}
    assert status == SERVED[name]["success"] or content["error"]["code"] in known


@pytest.mark.parametrize("name", sorted(name for name, route in SERVED.items() if body_for(route)))
def test_every_body_is_checked(api, name):
    status, content, _headers = ask(api, *filled(name), {})
    assert (status, content["error"]["code"]) == (422, "validation_failed")
    missing = {error["context"]["attribute"] for error in content["error"]["errors"]}
    assert missing == set(body_for(SERVED[name]))


MAILBOX = f"/1/mail_hostings/{HOSTING}/mailboxes/mailman"
FREE = "/1/mail_hostings/1/mailboxes/mailman"
RECORDS = "/2/zones/example.org/records"


def record(kind="A", target="192.0.2.1", source="lists", **more):
    return {"type": kind, "target": target, "source": source, "ttl": 3600, **more}


@pytest.mark.parametrize(
    ("requests", "code"),
    [
        (
            [("POST", f"{FREE}/aliases", {"alias": "a"}), ("POST", f"{FREE}/aliases", {"alias": "b"})],
            "alias_limit_reached",
        ),
        ([("PUT", f"{FREE}/aliases", {"aliases": ["a", "b"]})], "alias_limit_reached"),
        ([("PUT", f"{FREE}/aliases", {"aliases": ["a@example.com"]})], "unknown_error"),
        (
            [("POST", f"/1/mail_hostings/{HOSTING}/mailboxes/catchall/aliases", {"alias": "a"})],
            "cannot_create_alias_for_generic_mailbox",
        ),
        (
            [
                ("POST", f"/1/mail_hostings/{HOSTING}/redirections", {"name": "a", "targets": []}),
                ("POST", f"{MAILBOX}/aliases", {"alias": "a"}),
            ],
            "cannot_create_alias_with_a_redirection",
        ),
        ([("DELETE", f"{MAILBOX}/aliases/nobody", {})], "alias_does_not_exist"),
        ([("GET", "/1/mail_hostings/2/redirections", None)], "object_not_found"),
        ([("POST", f"{MAILBOX}/forwarding_addresses", {"redirect_address": "ana"})], "incorrect_redirect_address"),
        (
            [("POST", f"{MAILBOX}/forwarding_addresses", {"redirect_address": "ana@example.net"})] * 2,
            "redirect_address_already_exists",
        ),
        (
            [("POST", f"{FREE}/forwarding_addresses", {"redirect_address": f"{n}@example.net"}) for n in range(2)],
            "max_mailbox_redirection",
        ),
        (
            [("PUT", f"{FREE}/forwarding_addresses", {"redirect_addresses": ["a@example.net", "b@example.net"]})],
            "too_much_redirections",
        ),
        (
            [("PUT", f"{MAILBOX}/forwarding_addresses", {"redirect_addresses": ["mailman@example.org"]})],
            "redirect_address_alias_or_mailboxname",
        ),
        ([("DELETE", f"{MAILBOX}/forwarding_addresses/ana@example.net", {})], "redirect_address_does_not_exist"),
        ([("POST", "/1/mail_hostings/1/mailboxes", {"mailbox_name": "catchall"})], "catchall_not_allow_for_starter"),
        ([("POST", RECORDS, record())] * 2, "dns_record_already_exists"),
        ([("POST", RECORDS, record()), ("POST", RECORDS, record("CNAME", "x."))], "dns_record_mutual_exclusion"),
        ([("POST", RECORDS, record("CNAME", "x.")), ("POST", RECORDS, record())], "dns_record_mutual_exclusion"),
        ([("POST", RECORDS, record(target="2001:db8::1"))], "invalid_dns_record"),
        ([("POST", RECORDS, record("MX", "mx.example.org"))], "invalid_dns_record"),
        ([("POST", RECORDS, record("PTR"))], "unsupported_dns_record_type"),
        ([("POST", RECORDS, record(ttl=59))], "validation_failed"),
        ([("GET", "/2/zones/example.net", None)], "zone_does_not_exists"),
        ([("POST", "/2/zones/example.org", {})], "zone_already_exists"),
        ([("POST", f"{MAILBOX}/accesses/devices", {"protocols": "smtp"})], "validation_failed"),
    ],
)
def test_the_providers_rules(api, requests, code):
    *before, last = requests
    for request in before:
        assert ask(api, *request)[1]["result"] == "success"
    assert ask(api, *last)[1]["error"]["code"] == code


def test_60_requests_a_minute(api, clock):
    for _ in range(60):
        assert ask(api, "GET", f"{MAILBOX}/aliases")[0] == 200
    status, content, headers = ask(api, "GET", f"{MAILBOX}/aliases")
    assert (status, content["error"]["code"]) == (429, "too_many_requests")
    clock.sleep(float(headers["Retry-After"]))
    assert ask(api, "GET", f"{MAILBOX}/aliases")[0] == 200


def test_another_token(api):
    assert ask(api, "GET", f"{MAILBOX}/aliases", token="another")[0] == 401


def test_texts_come_back_quoted(api):
    made = ask(api, "POST", RECORDS, record("TXT", "v=spf1 -all"))[1]["data"]
    assert made["target"] == '"v=spf1 -all"'


def test_accounts_without_device_passwords(api):
    api.switches.device_passwords = False
    assert ask(api, "GET", f"{MAILBOX}/accesses/devices")[0] == 501


def test_fields_on_request(api):
    assert "has_move_spam" not in ask(api, "GET", MAILBOX)[1]["data"]
    assert ask(api, "GET", f"{MAILBOX}?with=has_move_spam,aliases")[1]["data"]["has_move_spam"] is False


def test_pages(api):
    for number in range(20):
        ask(api, "POST", RECORDS, record(source=f"host{number}"))
    whole = ask(api, "GET", RECORDS)[1]
    assert len(whole["data"]) == 20 and "pages" not in whole
    page = ask(api, "GET", f"{RECORDS}?page=2&per_page=15")[1]
    assert (len(page["data"]), page["pages"], page["total"]) == (5, 2, 20)


def test_the_table_is_made_from_a_description():
    schema = {"required": ["name"], "properties": {"name": {"type": "string", "maxLength": 5, "title": "name"}}}
    refusal = {"content": {"application/json": {"schema": {"properties": {"code": {"enum": ["no", "never"]}}}}}}
    operation = {
        "requestBody": {"content": {"application/json": {"schema": schema}}},
        "responses": {"201": {}, "400": refusal, "404": {}},
    }
    assert made_from({"paths": {"/things": {"post": operation}}}) == {
        "POST /things": {
            "success": 201,
            "errors": {"400": ["never", "no"], "404": []},
            "body": {"name": {"type": "string", "maxLength": 5, "required": True}},
        }
    }
