"""The module `template` against a double of Mailman."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.listkit.mailman3.plugins.module_utils import rest, templates
from ansible_collections.listkit.mailman3.plugins.modules import template as template_module
from ansible_run import KIT
from mailman_double import PASSWORD, RECORDED, MailmanDouble, recorded_config

LIST, DOMAIN = "news@example.org", "example.org"
WELCOME, GOODBYE = "list:user:notice:welcome", "list:user:notice:goodbye"
NEW_LIST = "domain:admin:notice:new-list"


@pytest.fixture
def mailman():
    double = MailmanDouble()
    double.domains[DOMAIN] = {"mail_host": DOMAIN}
    double.lists[LIST] = recorded_config()
    yield double
    double.close()


@pytest.fixture
def directory(tmp_path) -> Path:
    return tmp_path / "texts"


@pytest.fixture
def converge(mailman, directory):
    """Run the module; return its change."""
    api = rest.Api(mailman.url, "restadmin", PASSWORD)
    absent = {"list": None, "domain": None, "content": None, "uri": None, "state": "present"}

    def run(check=False, **options):
        params = {**absent, "name": WELCOME, "templates_directory": str(directory), **options}
        (change,), _results = template_module.converge(SimpleNamespace(params=params, check_mode=check), api)
        return change

    return run


def text_of(mailman, owner, name=WELCOME) -> str:
    """The text that Mailman reads."""
    uri = mailman.templates[owner][name]
    assert uri.startswith("file:///")
    return Path(uri.removeprefix("file://")).read_text()


@pytest.mark.parametrize(
    ("owner", "key", "folder"),
    [
        ({"list": LIST}, LIST, "lists/news.example.org"),
        ({"domain": DOMAIN}, DOMAIN, "domains/example.org"),
        ({}, "", "site"),
    ],
)
def test_a_text_is_set_changed_and_removed(mailman, converge, directory, owner, key, folder):
    predicted = converge(True, content="Hello\n", **owner)
    assert not mailman.writes and not directory.exists()
    change = converge(content="Hello\n", **owner)
    assert change == predicted and change.created and change.after == {WELCOME: "Hello\n"}
    assert text_of(mailman, key) == "Hello\n"
    mailman.writes.clear()
    assert not converge(content="Hello\n", **owner) and not mailman.writes
    change = converge(content="Grüezi\n", **owner)
    assert (change.before, change.after) == ({WELCOME: "Hello\n"}, {WELCOME: "Grüezi\n"})
    assert text_of(mailman, key) == "Grüezi\n" and len(list((directory / folder).iterdir())) == 1
    assert converge(state="absent", **owner).removed
    assert mailman.templates[key] == {} and list((directory / folder).iterdir()) == []
    mailman.writes.clear()
    assert not converge(state="absent", **owner) and not mailman.writes


def test_another_text_has_another_uri_because_mailman_caches(mailman, converge):
    converge(list=LIST, content="Hello\n")
    first = mailman.templates[LIST][WELCOME]
    converge(list=LIST, content="Hello!\n")
    assert mailman.templates[LIST][WELCOME] != first


def test_an_empty_text_is_a_text(mailman, converge):
    converge(list=LIST, content="")
    assert text_of(mailman, LIST) == "" and not converge(list=LIST, content="")


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("Edited\n")])
def test_a_file_that_is_missing_or_edited_is_written_again(mailman, converge, damage):
    converge(list=LIST, content="Hello\n")
    damage(Path(mailman.templates[LIST][WELCOME].removeprefix("file://")))
    assert converge(list=LIST, content="Hello\n") and text_of(mailman, LIST) == "Hello\n"


def test_a_uri_is_set_and_other_templates_stay(mailman, converge):
    converge(list=LIST, name=GOODBYE, content="Goodbye\n")
    converge(list=LIST, content="Hello\n")
    uri = "https://example.org/$language/welcome.txt"
    change = converge(list=LIST, uri=uri)
    assert (change.before, change.after) == ({WELCOME: "Hello\n"}, {WELCOME: {"uri": uri}})
    assert mailman.templates[LIST][WELCOME] == uri and text_of(mailman, LIST, GOODBYE) == "Goodbye\n"
    assert not converge(list=LIST, uri=uri)


def test_mailmans_user_can_read_the_files(mailman, converge, directory):
    old = os.umask(0o077)
    try:
        converge(list=LIST, content="Hello\n")
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(old)
    for path in [directory, *directory.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644), path


def test_the_file_is_written_before_mailman_knows_it_and_removed_after(mailman, converge, monkeypatch):
    patch = rest.Api.patch
    seen = []

    def watched(api, path, fields):
        new = Path(fields[WELCOME].removeprefix("file://"))
        seen.append((new.exists(), len(list(new.parent.iterdir()))))
        patch(api, path, fields)

    monkeypatch.setattr(rest.Api, "patch", watched)
    converge(list=LIST, content="Hello\n")
    converge(list=LIST, content="Hello!\n")
    assert seen == [(True, 1), (True, 2)]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            {"list": LIST, "name": "list:user:notice:welcom"},
            "'list:user:notice:welcom' is not a template here; did you",
        ),
        ({"list": LIST, "name": NEW_LIST}, f"'{NEW_LIST}' is not a template here"),
        (
            {"list": LIST, "content": None, "uri": "welcome.txt"},
            "'welcome.txt' is not a URI that Mailman can read; it m",
        ),
        ({"list": "no@example.org"}, "no@example.org: there is no such list"),
        ({"domain": "example.net"}, "example.net: there is no such domain"),
    ],
)
def test_what_is_not_valid_is_refused(mailman, converge, directory, options, reason):
    with pytest.raises(ValueError, match=reason.replace("(", r"\(")):
        converge(**{"content": "Hello\n", **options})
    assert mailman.writes == [] and not directory.exists()


def test_domains_and_the_site_have_a_template_more(mailman, converge):
    assert converge(name=NEW_LIST, content="There is a new list.\n")
    assert converge(domain=DOMAIN, name=NEW_LIST, content="There is a new list.\n")


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        (["a"], "must be a dictionary with a text for each name"),
        ({WELCOME: None}, f"{WELCOME}: must be a text, {{uri: …}} or {{state: absent}}, not None"),
        ({WELCOME: {"uri": "https://example.org/a", "user": "b"}}, "must be a text"),
        ({"footer": "a"}, "'footer' is not a template here; did you mean list:member:"),
    ],
)
def test_a_declaration_that_is_not_valid_is_named(declared, reason):
    assert reason in templates.problem(declared)[0]


def test_the_double_answers_as_mailman_does(mailman, converge):
    recorded = json.loads((RECORDED / "uris_3.3.10.json").read_text())
    entries = [{"name": entry["name"], "uri": entry["uri"]} for entry in recorded["entries"]]
    for entry in entries:
        converge(**entry)
    status, answer = mailman.answer("GET", "uris", {})
    assert status == 200 and answer == {**answer, "total_size": recorded["total_size"], "entries": entries}


def test_the_page_has_every_template():
    page = (KIT / "docs/runbooks/templates.md").read_text()
    assert sorted(re.findall(r"^\| `((?:list|domain):.*?)` \|", page, re.MULTILINE)) == sorted(templates.NAMES)


def test_a_declaration_that_is_valid():
    right = {WELCOME: "Hello", GOODBYE: templates.ABSENT, "list:user:notice:hold": {"uri": "mailman:///de/hold.txt"}}
    assert templates.problem(right) is None
