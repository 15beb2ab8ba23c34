"""Lists and members as code, against a real Mailman: the modules, the export, and `listkit members` on the host."""

from __future__ import annotations

import json
import re
import secrets
import shlex
import time

import pytest

from deployment import LISTS
from e2e import playbook
from e2e.mailing import MailingList, person, subject

pytestmark = pytest.mark.lab

BULK, PLAIN = "3.1", "3.0"
"""Versions of Mailman's REST API; the older one has no plugins, and so no bulk resource."""
TEMPLATES = "/var/lib/listkit/templates"
COST_OF_ONE = "  1 welcome message will be sent: 2 % of the 50 messages that may leave in a day"
FIRST_SYNC_SECONDS, REPEATED_SYNC_SECONDS = 60, 2


def task(mailing_list: MailingList, version: str, register: str, **options: object) -> dict:
    """A task that runs the module `members`."""
    connection = {"api_url": f"http://127.0.0.1:8001/{version}"}
    module = {"list": mailing_list.address, **connection, **options}
    return {"listkit.mailman3.members": module, "register": register, "check_mode": register == "check"}


def mail_of(mailing_list: MailingList, *readers: str) -> list[str]:
    """The subjects of everything that these readers got, once nothing is on its way any more."""
    mailing_list.settle()
    received = mailing_list.deployment.stand_in.received
    return [mail["Subject"] for reader in readers for mail in received(reader)]


@pytest.fixture
def owner() -> str:
    """An owner of the list under test."""
    return person("owner")


@pytest.fixture
def noisy_list(mailing_list: MailingList, owner: str) -> MailingList:
    """A list that sends every message it can, to members and owners."""
    mailing_list.add_owner(owner)
    mailing_list.configure(send_welcome_message=True, send_goodbye_message=True, admin_notify_mchanges=True)
    return mailing_list


@pytest.mark.every_release("core")
@pytest.mark.parametrize("version", [BULK, PLAIN])
def test_the_modules_do_what_they_predict_and_send_no_mail(deployment, release, noisy_list, owner, tmp_path, version):
    ana, ben, cem = (person(name) for name in ("Ana", "ben", "cem"))
    first = [
        {
            "address": ana,
            "display_name": "Ana Lopez",
            "delivery_mode": "mime_digests",
            "moderation_action": "accept",
        },
        {"address": ben, "delivery_status": "by_user"},
    ]
    second = [
        ana.upper(),
        {"address": ben, "delivery_status": "enabled", "display_name": "Ben", "moderation_action": "hold"},
    ]
    output = playbook.run_tasks(
        deployment,
        release,
        tmp_path,
        task(noisy_list, version, "check", members={"entries": first}, moderators={"entries": [cem]}),
        task(noisy_list, version, "made", members={"entries": first}, moderators={"entries": [cem]}),
        task(noisy_list, version, "again", members={"entries": first}, moderators={"entries": [cem]}),
        playbook.expectation("check is changed and check.rosters == made.rosters", "again is not changed"),
        task(noisy_list, version, "changed", members={"entries": [*second, cem]}, owners={"entries": [ben]}),
        task(
            noisy_list,
            version,
            "removed",
            members={"entries": second, "state": "exact"},
            owners={"entries": [], "state": "exact", "allow_empty": True},
        ),
        task(noisy_list, version, "still", members={"entries": second, "state": "exact"}),
        playbook.expectation("removed.rosters | map(attribute='removed') | list == [1, 1]", "still is not changed"),
    )
    assert "failed=0" in output, output
    assert f"{ana}, Ana Lopez, mime_digests, accept" in output
    assert sorted(noisy_list.members()) == sorted([ana.lower(), ben])
    roster = noisy_list.rest("GET", f"lists/{noisy_list.address}/roster/owner")["entries"]
    assert len(roster) == 1
    shown = noisy_list.member(ben)
    assert (shown["display_name"], shown["delivery_mode"], shown["moderation_action"]) == ("Ben", "regular", "hold")
    assert noisy_list.member(ana.lower())["moderation_action"] == "accept"
    assert noisy_list.rest("GET", f"lists/{noisy_list.address}/config")["admin_notify_mchanges"] is True
    assert mail_of(noisy_list, ana, ben, cem, owner) == []

    dora = person("dora")
    wanted = {"entries": [dora], "welcome": True, "daily_limit": 50}
    output = playbook.run_tasks(
        deployment,
        release,
        tmp_path,
        task(noisy_list, version, "welcomed", members=wanted),
        task(noisy_list, version, "again", members=wanted),
        playbook.expectation("again is not changed", f"'{COST_OF_ONE}' in welcomed.rosters[0].plan"),
    )
    assert "failed=0" in output, output
    (welcome,) = mail_of(noisy_list, dora)
    assert welcome.startswith("Welcome to the") and mail_of(noisy_list, owner, ben) == []


def module(name: str, register: str, /, **options: object) -> dict:
    """A task that runs a module of the collection. It may fail, and predicts in check mode if it is called so."""
    return {
        f"listkit.mailman3.{name}": options,
        "register": register,
        "check_mode": register == "predicted",
        "ignore_errors": register == "refused",
    }


@pytest.mark.every_release("core")
def test_each_module_creates_changes_predicts_and_removes(deployment, release, tmp_path):
    domain = f"m{secrets.token_hex(3)}.test"
    address, footer = f"news@{domain}", "list:member:regular:footer"
    people = [f"p{number}@{domain}" for number in range(12)]
    of_list = {"list": address}
    text = {**of_list, "name": footer, "templates_directory": TEMPLATES}
    rule = {**of_list, "header": "X-Spam-Flag", "pattern": "yes"}
    steps = [
        (
            "domain",
            {"name": domain, "description": "One"},
            {"name": domain, "description": "Two", "owners": people[:1]},
        ),
        (
            "mailing_list",
            {"name": address, "owners": people[:1], "settings": {"advertised": False}},
            {"name": address, "description": "News", "settings": {"max_message_size": 99}, "bans": [f"eve@{domain}"]},
        ),
        ("ban", {**of_list, "addresses": ["^.*@spam[.]example$"]}, {**of_list, "addresses": [f"mallory@{domain}"]}),
        ("header_match", {**rule, "action": "hold"}, {**rule, "action": "discard"}),
        ("template", {**text, "content": "One\n"}, {**text, "content": "Two\n"}),
        ("members", {**of_list, "members": {"entries": people}}, {**of_list, "moderators": {"entries": people[:2]}}),
    ]
    tasks = []
    for name, first, second in steps:
        tasks += (module(name, register, **first) for register in ("predicted", "made", "again"))
        tasks.append(
            playbook.expectation("predicted is changed and predicted.diff == made.diff", "again is not changed")
        )
        tasks += (module(name, register, **second) for register in ("changed", "again"))
        tasks.append(playbook.expectation("changed is changed", "again is not changed"))
    few = {"members": {"entries": people[:4], "state": "exact"}}
    nowhere = {"api_url": "http://127.0.0.1:9/3.1", "api_wait": 0}
    refusals = [
        ("members", {**of_list, **few}, "8 of 12 members (67 %) would be removed, more than 25 %"),
        ("members", {**of_list, "members": {"entries": ["ana@"]}}, "entries[#1]: 'ana@' is not a full e-mail address"),
        ("members", {"list": f"none@{domain}", **few}, f"none@{domain}: there is no such list"),
        ("mailing_list", {"name": address, "settings": {"max_mesage_size": 9}}, "max_message_size"),
        ("mailing_list", {"name": address, "state": "absent"}, "would remove 12 members and 0 held messages"),
        ("mailing_lists_info", nowhere, "answer at http://127.0.0.1:9/3.1: "),
        ("mailing_lists_info", nowhere, "look at systemctl status mailman3"),
    ]
    for name, options, reason in refusals:
        tasks.append(module(name, "refused", **options))
        tasks.append(playbook.expectation("refused is failed", f"{json.dumps(reason)} in refused.msg"))
    tasks += [
        module("members_info", "people", **of_list),
        module("mailing_lists_info", "found"),
        playbook.expectation(
            "people.rosters.members | length == 12", f"{address!r} in found.lists | map(attribute='name')"
        ),
        *(module("mailing_list", register, name=address, state="absent", force=True) for register in ("gone", "again")),
        playbook.expectation("gone is changed", "again is not changed"),
        *(module("domain", register, name=domain, state="absent") for register in ("gone", "again")),
        playbook.expectation("gone is changed", "again is not changed"),
    ]
    output = playbook.run_tasks(deployment, release, tmp_path, *tasks)
    assert "failed=0" in output, output[-4000:]


def members(mailing_list: MailingList, command: str, people: str = "", *options: str):
    """Run `listkit members` on the host with `people` as its file."""
    file = "-" if command != "export" else ""
    words = ["listkit", "members", command, mailing_list.address, *filter(None, [file]), *options]
    return mailing_list.site.host.try_run(shlex.join(words), stdin=people)


def test_people_move_in_and_out_on_the_host(noisy_list, owner):
    eve, people, others = person("eve"), *([person(f"p{number}") for number in range(1000)] for _ in range(2))
    noisy_list.rest("POST", f"lists/{noisy_list.address}/bans", email="^eve-")
    done = members(noisy_list, "import", "\n".join(["address", *people, eve]))
    assert done.returncode == 1 and re.search(rf"1 of 1001 changes failed; .*\n  {eve}  is banned", done.stderr)
    assert "█ 1001 of 1001" in done.stderr and len(noisy_list.members()) == 1000
    exported = members(noisy_list, "export").stdout
    assert len(exported.splitlines()) == 1001
    assert "0 to add, 0 to change, 0 to remove" in members(noisy_list, "sync", exported).stdout
    half = "\n".join(exported.splitlines()[:300])
    refused = members(noisy_list, "sync", half)
    assert refused.returncode == 2 and "more than 25 %" in refused.stderr and len(noisy_list.members()) == 1000
    # 1,000 join, and 1,000 leave.
    assert members(noisy_list, "sync", "\n".join(others), "--max-removals", "1000").returncode == 0
    assert sorted(noisy_list.members()) == sorted(others)
    bad = members(noisy_list, "sync", f"{half}\nnone@\n")
    assert bad.returncode == 2 and "line 301: 'none@" in bad.stderr and len(noisy_list.members()) == 1000
    noisy_list.settle()
    assert not {owner, eve, *people, *others} & noisy_list.deployment.stand_in.counts().keys()


@pytest.mark.every_release("core")
def test_a_closed_list_refuses_requests_by_mail_and_on_the_web(deployment, release, mailing_list):
    asker = person("asker")
    closed = [*LISTS, {"name": mailing_list.name, "subscription": "closed", "members": [person()]}]
    playbook.deploy(deployment, release, "--tags", "lists", mailman_lists=closed)
    try:
        mailing_list.command(asker, "join")
        answer = mailing_list.arrives(asker, "email commands")
        assert f"{mailing_list.address} is closed: only its owners add members" in answer.text
        request = {"list_id": mailing_list.list_id, "subscriber": asker, "pre_verified": True, "pre_confirmed": True}
        with pytest.raises(Exception, match="400"):
            mailing_list.rest("POST", "members", **request)
        assert not mailing_list.rest("GET", f"lists/{mailing_list.address}/requests").get("entries")
        mailing_list.add(asker)
        assert len(mailing_list.members()) == 2
    finally:
        playbook.deploy(deployment, release, "--tags", "lists")


def footer_of_a_post(mailing_list: MailingList, reader: str) -> str:
    """Post, and return the last line that the reader gets."""
    about = subject()
    mailing_list.post(reader, about)
    return mailing_list.arrives(reader, about).text.rstrip().rpartition("\n")[2]


def test_a_list_made_by_hand_is_exported_and_set_back(deployment, release, mailing_list, owner, tmp_path):
    reader, name = person("reader"), "list:member:regular:footer"
    mailing_list.add_owner(owner)
    mailing_list.add(reader, display_name="{{ reader }}")
    mailing_list.configure(
        info="Two\nlines {{ with braces }}",
        max_message_size=200,
        accept_these_nonmembers="^.*@example[.]com$",
        digest_size_threshold=12.5,
        autoresponse_grace_period="90m",
        archive_policy="private",
        send_welcome_message=False,
    )
    path = f"lists/{mailing_list.address}"
    mailing_list.rest("POST", f"{path}/bans", email="^.*@example[.]net$")
    mailing_list.rest("POST", f"{path}/header-matches", header="X-Spam", pattern="yes", action="hold")
    options = {"list": mailing_list.address, "name": name, "templates_directory": TEMPLATES}

    def template(content: str, register: str) -> dict:
        module = {"listkit.mailman3.template": {**options, "content": content}}
        return {**module, "register": register, "check_mode": register == "predicted"}

    first, second = "The first footer of $listname\n", "The second footer of $listname\n"
    output = playbook.run_tasks(
        deployment,
        release,
        tmp_path,
        *(template(first, register) for register in ("predicted", "made", "again")),
        playbook.expectation("predicted is changed and predicted.diff == made.diff", "again is not changed"),
    )
    assert "failed=0" in output, output
    assert footer_of_a_post(mailing_list, reader) == f"The first footer of {mailing_list.address}"

    file, before = tmp_path / "lists.yml", mailing_list.state()
    export = {"export_file": str(file), "export_members": True}
    assert playbook.run(deployment, release, "playbooks/export_lists.yml", **export).returncode == 0
    assert file.stat().st_mode & 0o777 == 0o600
    exported = f"mailman_lists | selectattr('name', 'eq', '{mailing_list.name}') | list"

    def lists(declared: object, register: str) -> dict:
        module = {"domain": mailing_list.site.domain, "lists": declared, "templates_directory": TEMPLATES}
        return {"listkit.mailman3.mailing_lists": module, "register": register}

    other = {"info": "Other", "max_message_size": 99, "accept_these_nonmembers": [], "archive_policy": "public"}
    filters = {"bans": [], "header_matches": [], "templates": {name: {"state": "absent"}}}
    declaration = f"{{{{ lookup('listkit.kit.mailing_lists', {exported}) }}}}"
    output = playbook.run_tasks(
        deployment,
        release,
        tmp_path,
        lists(declaration, "same"),
        lists([{"name": mailing_list.name, "settings": other, **filters}], "other"),
        lists(declaration, "back"),
        lists(declaration, "again"),
        playbook.expectation("same is not changed", "other is changed and back is changed", "again is not changed"),
        playbook.expectation(f"({exported} | first).members[0].display_name == '{{' ~ '{{ reader }}' ~ '}}'"),
        template(second, "second"),
        variables=(file,),
    )
    assert "failed=0" in output, output
    assert mailing_list.state() == before
    assert footer_of_a_post(mailing_list, reader) == f"The second footer of {mailing_list.address}"


@pytest.mark.slow
@pytest.mark.every_release("core")
def test_ten_thousand_people(mailing_list):
    people = "\n".join(["address", *(f"p{number:05}@example.net" for number in range(10_000))])
    began = time.monotonic()
    assert members(mailing_list, "sync", people).returncode == 0
    first = time.monotonic() - began
    began = time.monotonic()
    assert "0 to add" in members(mailing_list, "sync", people).stdout
    again = time.monotonic() - began
    print(f"first sync of 10,000: {first:.1f} s; again: {again:.1f} s")
    assert first <= FIRST_SYNC_SECONDS and again <= REPEATED_SYNC_SECONDS
