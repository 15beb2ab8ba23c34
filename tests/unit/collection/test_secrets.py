"""No secret reaches the output: values are planted, runs pass and fail at -vvv -D, and the output is searched."""

from __future__ import annotations

import base64
import json
import os
import re
from types import SimpleNamespace

import pytest
from ansible_collections.listkit.host.plugins.callback import redact
from ansible_collections.listkit.host.plugins.plugin_utils.redaction import MASK, Redactor

PLANTED = {
    "mail_password": "pl4nted-mail'pass\"word",
    "mailman_password": "pl4nted-web-pässwörd",
    "database_password": "pl4nted-db-password-%s",
    "mail_accounts": [{"address": "mailman@example.org", "password": "pl4nted-account-password"}],
    "some_api_key": "pl4nted api key with spaces",
}
HARMLESS = {"my_password_file": "/etc/harmless-path", "fqdn": "lists.example.org"}
ME = {"owner": str(os.getuid()), "group": str(os.getgid())}


def leaks(output: str) -> list[str]:
    """Return the planted words in `output`, however they are quoted: every planted value begins with the same word."""
    encoded = base64.b64encode(b"pl4nted").decode()[:8]
    return re.findall(r".*pl4nted.*", output) + re.findall(rf".*{encoded}.*", output)


def show(name: str) -> dict:
    return {"name": f"Show {name}", "ansible.builtin.debug": {"var": name}}


CASES = {
    "debug": [show(name) for name in PLANTED],
    "argv": [
        {
            "name": "Run",
            "ansible.builtin.command": {"argv": ["/bin/echo", "{{ mail_password }}"]},
            "changed_when": False,
        }
    ],
    "environment": [
        {
            "name": "Run",
            "ansible.builtin.command": "/usr/bin/env",
            "environment": {"P": "{{ mailman_password }}"},
            "changed_when": False,
        }
    ],
    "failing command": [{"name": "Run", "ansible.builtin.command": "/bin/false {{ mail_accounts[0].password }}"}],
    "failing message": [{"name": "Fail", "ansible.builtin.fail": {"msg": "It was {{ database_password }}"}}],
    "failing: wrong type": [{"name": "Run", "listkit.host.systemd_units": {"timeout": "{{ mail_password }}"}}],
    "failing: misspelt argument": [{"name": "Run", "listkit.host.systemd_units": {"{{ mail_password }}": 1}}],
    "failing loop": [
        {
            "name": "Loop",
            "ansible.builtin.fail": {"msg": "{{ item }}"},
            "loop": "{{ mail_accounts }}",
            "loop_control": {"label": "x"},
        }
    ],
    "builtin diff": [
        {
            "name": "Copy",
            "ansible.builtin.copy": {"content": "{{ mail_password }}\n", "dest": "TARGET/copied", "mode": "0600"},
        }
    ],
    "failing: undefined in a template": [
        {"name": "Set", "ansible.builtin.debug": {"msg": "{{ mail_password ~ nowhere_defined }}"}}
    ],
    "encoded": [
        {
            "name": "Show",
            "ansible.builtin.debug": {
                "msg": "{{ [mail_password | b64encode, mail_password | urlencode, mail_password | to_json] }}"
            },
        }
    ],
    "failing check": [{"name": "Check", "listkit.kit.validate_inventory": {}}],
    "config_files": [
        {
            "name": "Install",
            "listkit.host.config_files": {
                "dest": "TARGET",
                "secrets_directory": "TARGET/secrets",
                "files": {"TARGET/conf": {"secret": True, "validate": "/bin/cat %s"}},
                **ME,
            },
        }
    ],
    "failing: validator of a file": [
        {
            "name": "Install",
            "listkit.host.config_files": {
                "dest": "TARGET/second",
                "files": {"TARGET/second/conf": {"validate": "/bin/sh -c 'cat %s; cat %s >&2; exit 1'"}},
                **ME,
            },
        }
    ],
}


def tasks_of(case: str, playbooks) -> list[dict]:
    """Return the tasks of `case`, for these playbooks' target directory."""
    return json.loads(json.dumps(CASES[case]).replace("TARGET", str(playbooks.target)))


def test_no_planted_secret_is_printed_or_logged(playbooks):
    playbooks.template("conf.j2", "{{ mail_password }} {{ mailman_password }} {{ mail_accounts[0].password }}\n")
    log = playbooks.folder / "log"
    # One run for all cases.
    tasks = [
        {**task, "ignore_errors": True}  # one that fails on purpose must not keep the next from running
        for case in CASES
        for task in tasks_of(case, playbooks)
    ]
    run = playbooks.run(tasks, "-vvv", "-D", variables=PLANTED, environment={"ANSIBLE_LOG_PATH": str(log)})
    assert run.output.count("TASK [") == len(tasks), run.output
    assert run.output.count("...ignoring") == len([case for case in CASES if case.startswith("failing")])
    assert leaks(run.output) == []
    assert leaks(log.read_text()) == []


def test_the_search_finds_what_is_not_hidden(playbooks):
    without = {"ANSIBLE_CALLBACKS_ENABLED": "ansible.posix.timer"}
    run = playbooks.run(CASES["debug"], variables=PLANTED, environment=without)
    assert len(leaks(run.output)) >= len(PLANTED)


def test_host_made_secrets_never_travel(playbooks):
    playbooks.template("conf.j2", "key = {{ 'api_key' | listkit.host.host_secret }}\n")
    tasks = [{**tasks_of("config_files", playbooks)[0], "register": "out"}, show("out")]
    run = playbooks.run(tasks, "-vvv", "-D")
    value = (playbooks.target / "secrets" / "api_key").read_text()
    assert run.returncode == 0, run.output
    assert (playbooks.target / "conf").read_text() == f"key = {value}\n"
    assert value not in run.output


def test_names_of_files_stay_readable(playbooks):
    run = playbooks.run([show("my_password_file"), show("fqdn")], variables={**PLANTED, **HARMLESS})
    assert "/etc/harmless-path" in run.output and "lists.example.org" in run.output


class Plays:
    """Plays with one host, whose variables are evaluated by a look-up; counts them."""

    def __init__(self, monkeypatch, values: dict[str, object]):
        self.values, self.evaluated = values, []
        monkeypatch.setattr(redact.Display, "display", redact.Display.display)
        monkeypatch.setattr(redact, "Templar", lambda **_options: self)
        self.callback = redact.CallbackModule()
        self.callback._redactor = Redactor(re.compile("(?i)password"))

    def template(self, source: str) -> object:
        """Evaluate a variable."""
        self.evaluated.append(source)
        return self.values[source]

    def start(self, **variables: str) -> None:
        """Start a play with these variables."""
        inventory = SimpleNamespace(get_hosts=lambda _hosts: [SimpleNamespace(name="mailman")])
        manager = SimpleNamespace(_inventory=inventory, _loader=None, get_vars=lambda **_options: variables)
        self.callback.v2_playbook_on_play_start(SimpleNamespace(hosts="mailman", get_variable_manager=lambda: manager))


def test_only_secrets_and_what_has_changed_are_evaluated_in_each_play(monkeypatch):
    plays = Plays(monkeypatch, {"{{ a }}": [{"password": "first-secret"}], "{{ b }}": "second-secret"})
    plays.start(accounts="{{ a }}", my_password="{{ b }}")
    plays.evaluated.clear()
    plays.values |= {"{{ b }}": "third-secret", "{{ c }}": {"password": "fourth-secret"}}
    plays.start(accounts="{{ a }}", my_password="{{ b }}", more="{{ c }}")
    assert sorted(plays.evaluated) == ["{{ b }}", "{{ c }}"]
    plays.start(accounts="{{ c }}")
    assert plays.evaluated[-1] == "{{ c }}"
    shown = plays.callback._redactor.redact("first-secret second-secret third-secret fourth-secret")
    assert shown == " ".join([MASK] * 4)


@pytest.fixture
def redactor():
    return Redactor(re.compile("(?i)password"))


def test_nested_values_and_spellings(redactor):
    secret = "a'b\"c é&"
    redactor.learn("accounts", [{"name": "public name", "Password": {"deep": [secret]}}])
    for text in (
        secret,
        json.dumps(secret),
        repr(secret),
        "a%27b%22c%20%C3%A9%26",
        base64.b64encode(secret.encode()).decode(),
    ):
        assert MASK in redactor.redact(f"<{text}>"), text
    assert redactor.redact("public name") == "public name"


def test_spellings_inside_of_each_other(redactor):
    secret = "a'b\"c-more"
    redactor.learn("password", secret)
    in_json = json.dumps(secret)
    for text in (in_json.replace("'", "''"), repr(secret).replace("'", "''"), json.dumps(in_json), repr(repr(secret))):
        assert MASK in redactor.redact(text), text


def test_folded_lines(redactor):
    redactor.learn("password", "one two three")
    assert redactor.redact("one two\n        three") == MASK


def test_lines_of_a_long_secret(redactor):
    redactor.learn("password", "first line\nsecond line\n")
    assert redactor.redact("  second line") == f"  {MASK}"


def test_short_and_empty_values_hide_nothing(redactor):
    for value in ("", "ab", True, None, 5):
        redactor.learn("password", value)
    assert redactor.redact("about 5 cabs, True") == "about 5 cabs, True"


def test_longer_secrets_first(redactor):
    redactor.learn("password", "prefix")
    redactor.learn("password", "prefix-and-more")
    assert redactor.redact("prefix-and-more") == MASK
