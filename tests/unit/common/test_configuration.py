"""The reader of configuration files names every problem at once: file, key, reason and an example."""

import json

import pytest

from listkit.common.configuration import ConfigurationError, Table, load, read


def problems_of(raw, build):
    """The lines of the error that reading `raw` with `build` raises."""
    with pytest.raises(ConfigurationError) as caught:
        read(raw, build, "FILE")
    return str(caught.value).splitlines()


def problem_of(raw, build):
    [line] = problems_of(raw, build)
    return line.removeprefix("FILE: ")


def test_a_good_file_is_read(tmp_path):
    raw = {
        "name": "dev",
        "names": ["a", "b"],
        "mode": "files",
        "days": 7,
        "port": 25,
        "ports": [22, 443],
        "keep": True,
        "address": "Ana@Example.org",
        "lists": ["Dev@example.org"],
        "host": "192.0.2.1",
        "state": "/var/lib/x",
        "url": "http://127.0.0.1:8001/3.1",
        "inner": {"port": 1},
        "links": [{"port": 2}, {"port": 3}],
        "domains": {"example.org": []},
    }

    def build(table: Table):
        return [
            table.text("name", example="dev"),
            table.texts("names", example="a"),
            table.choice("mode", ["letsencrypt", "files"]),
            table.integer("days", 1, 10),
            table.port("port"),
            table.ports("ports"),
            table.flag("keep"),
            table.address("address"),
            table.addresses("lists"),
            table.host("host"),
            str(table.path("state", example="/var/lib/y")),
            table.url("url", example="http://127.0.0.1"),
            table.table("inner").port("port"),
            [link.port("port") for link in table.tables("links")],
            table.mapping("domains", example={}),
        ]

    file = tmp_path / "file.json"
    file.write_text(json.dumps(raw))
    assert load(file, build) == [
        "dev", ("a", "b"), "files", 7, 25, (22, 443), True, "ana@example.org", ("dev@example.org",), "192.0.2.1",
        "/var/lib/x", "http://127.0.0.1:8001/3.1", 1, [2, 3], {"example.org": []},
    ]  # fmt: skip


def test_a_missing_file_is_an_error_or_the_object_that_stands_for_it(tmp_path):
    missing = tmp_path / "missing.json"
    with pytest.raises(ConfigurationError, match=r"missing\.json: No such file.*; run the playbook"):
        load(missing, Table.content)
    assert load(missing, lambda table: table.port("port"), missing={"port": 25}) == 25


def test_keys_of_the_operators_choice_are_read_together():
    assert read({"a": 1, "b": None}, Table.content, "FILE") == {"a": 1, "b": None}


def test_a_default_stands_for_a_missing_key_and_for_null():
    def build(table: Table):
        return (
            table.text("a", example="x", default="A"),
            table.texts("b", example="x", default=("B",)),
            table.integer("c", 1, 9, default=3),
            table.flag("d", default=False),
            table.table("e", default={}).port("port", default=25),
            table.tables("f"),
            "g" in table,
            table.choice("h", ["x", "y"], default="y"),
            table.mapping("i", example={}, default={}),
        )

    assert read({"a": None, "g": None}, build, "FILE") == ("A", ("B",), 3, False, 25, [], False, "y", {})


@pytest.mark.parametrize(
    ("value", "build", "problem"),
    [
        (99_999, lambda table: table.port("x"), "x: 99999 is not a valid port (1–65535); for example: 1"),
        ("25", lambda table: table.port("x", default=25), 'x: "25" is not a valid port (1–65535); for example: 25'),
        (True, lambda table: table.integer("x", 1, 5), "x: true is not a whole number from 1 to 5; for example: 1"),
        ([22, 0], lambda table: table.ports("x"), "x[1]: 0 is not a valid port (1–65535); for example: 25"),
        (22, lambda table: table.ports("x"), "x: must be a list of ports; for example: [25]"),
        ("yes", lambda table: table.flag("x"), 'x: "yes" is neither true nor false; for example: false'),
        ("a b", lambda table: table.host("x"), 'x: "a b" is not valid; for example: "mail.example.org"'),
        ("ana", lambda table: table.address("x"), 'x: "ana" is not valid; for example: "mailman@example.org"'),
        ("etc", lambda table: table.path("x", example="/etc"), 'x: "etc" is not valid; for example: "/etc"'),
        ("http:///a", lambda t: t.url("x", example="http://h"), 'x: "http:///a" has no host; for example: "http://h"'),
        ("b", lambda table: table.choice("x", ["a", "c"]), 'x: "b" is not one of a, c; for example: "a"'),
        ([], lambda t: t.texts("x", example="a"), 'x: must be a list of strings, and not empty; for example: ["a"]'),
        (["a", 1], lambda table: table.texts("x", example="a"), 'x[1]: 1 is not valid; for example: "a"'),
        ([], lambda t: t.mapping("x", example={"a": 1}), 'x: must be a JSON object, is a list; for example: {"a": 1}'),
        ("a", lambda table: table.table("x"), "x: must be a JSON object, is a string"),
        ({}, lambda table: table.tables("x"), "x: must be a list of JSON objects; for example: [{}]"),
        ([3], lambda table: table.tables("x"), "x[0]: must be a JSON object, is a number"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_its_key_the_reason_and_an_example(value, build, problem):
    assert problem_of({"x": value}, build) == problem


def test_a_missing_key_is_a_problem_unless_it_has_a_default():
    assert problem_of({}, lambda table: table.port("x")) == "x: is missing; for example: 1"
    assert problem_of({}, lambda table: table.table("x")) == "x: must be a JSON object, is null"


def test_an_unknown_key_is_a_problem_wherever_it_stands():
    def build(table: Table):
        table.port("port", default=1)
        return table.table("inner").port("port", default=1)

    assert problems_of({"prot": 1, "inner": {"pot": 2}}, build) == [
        "FILE: prot: unknown key; known keys: inner, port",
        "FILE: inner.pot: unknown key; known keys: port",
    ]


def test_a_key_for_another_reader_is_ignored():
    assert read({"key": 1}, lambda table: table.ignore("key"), "FILE") is None


def test_all_problems_are_reported_at_once_with_the_file():
    def build(table: Table):
        inner = table.table("inner")
        inner.problem("", "is odd", {"even": 2})
        return table.port("a"), table.port("b"), inner.port("c")

    assert problems_of({"a": 0, "b": -1, "inner": {"c": "x"}}, build) == [
        'FILE: inner: is odd; for example: {"even": 2}',
        "FILE: a: 0 is not a valid port (1–65535); for example: 1",
        "FILE: b: -1 is not a valid port (1–65535); for example: 1",
        'FILE: inner.c: "x" is not a valid port (1–65535); for example: 1',
    ]


def test_an_unreadable_file_is_one_problem(tmp_path):
    with pytest.raises(ConfigurationError, match=r"absent\.json: No such file.*; run the playbook to write it"):
        load(tmp_path / "absent.json", lambda table: None)
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"broken\.json: not valid JSON: .*run the playbook"):
        load(tmp_path / "broken.json", lambda table: None)
    (tmp_path / "latin.json").write_bytes(b'{"a": "\xe9"}')
    with pytest.raises(ConfigurationError, match=r"latin\.json: not valid JSON"):
        load(tmp_path / "latin.json", lambda table: None)
    assert problem_of([], lambda table: None) == "the file: must be a JSON object, is a list"
