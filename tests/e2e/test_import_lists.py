"""Lists of other systems are imported into a real Mailman, as an operator does it."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

import pytest
import yaml

from e2e import playbook
from e2e.mailing import MailingList, person
from infomaniak.service import SUFFIXES

pytestmark = pytest.mark.lab

OLD_LISTS = "/usr/lib/python3/dist-packages/mailman/testing"
"""Where Debian's package has the lists of Mailman 2.1 that Mailman's own import is tested with."""
FOOTERS = "/usr/local/share/listkit/mailman/templates/lists"
KEPT = {
    "dmarc_mitigate_action": "munge_from",
    "dmarc_mitigate_unconditionally": True,
    "respond_to_post_requests": False,
}
"""What Mailman's own import changes, and ours must not."""
DIFFERING = {*KEPT}
"""The settings that differ after Mailman's own import."""
OF_EACH_LIST = {
    *("acceptable_aliases", "bounces_address", "created_at", "digest_last_sent_at", "fqdn_listname", "http_etag"),
    *("join_address", "last_post_at", "leave_address", "list_name", "owner_address", "posting_address"),
    "request_address",
}
"""The settings that differ from list to list: addresses, and times at which something happened."""


@pytest.fixture
def new_list(deployment, release):
    """Return a list that isn't in Mailman yet and has its aliases at the mail service. It is removed afterwards."""
    site, lists = deployment.sites[release], []

    def new_list() -> MailingList:
        lists.append(MailingList(deployment, site, f"old{secrets.token_hex(3)}"))
        deployment.stand_in.add_list_aliases(site.mailbox, lists[-1].name)
        return lists[-1]

    yield new_list
    for made in lists:
        if exists(made):
            made.delete()
        deployment.stand_in.remove_aliases(site.mailbox, *(f"{made.name}{suffix}" for suffix in SUFFIXES))


def exists(mailing_list: MailingList) -> bool:
    """Whether Mailman has the list."""
    entries = mailing_list.rest("GET", "lists").get("entries", [])
    return mailing_list.address in [entry["fqdn_listname"] for entry in entries]


def fetch(mailing_list: MailingList, name: str, folder: Path) -> Path:
    """Copy a file of Mailman's tests from the host, as the list's config.pck."""
    file = folder / mailing_list.name / "config.pck"
    file.parent.mkdir(parents=True)
    file.write_bytes(base64.b64decode(mailing_list.site.host.run(f"base64 -w0 {OLD_LISTS}/{name}")))
    return file


def config(mailing_list: MailingList) -> dict:
    """The settings of a list."""
    return mailing_list.rest("GET", f"lists/{mailing_list.address}/config")


def people(mailing_list: MailingList, role: str) -> list[dict]:
    """The people with a role on a list."""
    entries = mailing_list.rest("GET", f"lists/{mailing_list.address}/roster/{role}").get("entries", [])
    shown = ("email", "display_name", "delivery_mode")
    return sorted(({name: entry[name] for name in shown} for entry in entries), key=lambda entry: entry["email"])


def test_a_list_of_mailman_2_moves_and_keeps_what_lets_mail_arrive(deployment, release, new_list, tmp_path):
    old = new_list()
    fetch(old, "config.pck", tmp_path / "lists")
    options = {
        "import_from": "mailman2",
        "import_paths": str(tmp_path / "lists"),
        "import_directory": str(tmp_path / "imported"),
    }

    def run(*words: str):
        done = playbook.run(deployment, release, "playbooks/import_lists.yml", *words, **options)
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout

    summary = f"{old.address}, from {tmp_path}/lists/{old.name}/config.pck: 3 members, 1 owners"
    assert summary in run("--check", "--diff")
    assert not (tmp_path / "imported").exists() and not exists(old)
    assert "respond_to_post_requests: the author of a held post" in run()
    assert "changed=0" in run()
    settings = config(old)
    assert {name: settings[name] for name in KEPT} == KEPT
    assert [entry["email"] for entry in people(old, "owner")] == ["anne@example.com"]
    assert people(old, "member")[0]["display_name"] == "Bill Person" and len(old.members()) == 3
    declared = yaml.safe_load((tmp_path / "imported" / "lists.yml").read_text())["mailman_lists"]
    assert [item["owners"] for item in declared if item["name"] == old.name] == [["anne@example.com"]]
    old.settle()
    assert deployment.stand_in.received("bperson@example.com") == []

    # With these declarations, the playbook's next run leaves the owners and all else.
    this = f"lookup('listkit.kit.mailing_lists', mailman_lists | selectattr('name', 'eq', '{old.name}') | list)"
    module = {
        "domain": old.site.domain,
        "lists": f"{{{{ {this} }}}}",
        "templates_directory": "/var/lib/listkit/templates",
    }
    output = playbook.run_tasks(
        deployment, release, tmp_path, {"listkit.mailman3.mailing_lists": module, "register": "next"},
        playbook.expectation("next is not changed"), variables=(tmp_path / "imported" / "lists.yml",),
    )  # fmt: skip
    assert "failed=0" in output, output

    theirs = imported_by_mailman(new_list())
    differing = {name for name, value in config(theirs).items() if config(old)[name] != value}
    assert differing - OF_EACH_LIST == set(DIFFERING)
    assert {role: people(theirs, role) for role in ("member", "owner")} == {
        role: people(old, role) for role in ("member", "owner")
    }


def imported_by_mailman(mailing_list: MailingList) -> MailingList:
    """Make the list, and let Mailman's own command import the settings and people of Mailman 2.1 into it."""
    mailing_list.rest("POST", "lists", fqdn_listname=mailing_list.address)
    host = mailing_list.site.host
    # It writes footers where Mailman itself may not write.
    host.run(f"install -d -o list -g list {FOOTERS}")
    try:
        host.run(f"runuser -u list -- mailman import21 {mailing_list.list_id} {OLD_LISTS}/config.pck")
    finally:
        host.run(f"rm -r {FOOTERS}")
    return mailing_list


def test_a_list_of_sympa_moves_and_keeps_what_people_do_afterwards(deployment, release, new_list, tmp_path):
    sympa = new_list()
    owner, reader, leaver, late = (person(name) for name in ("owner", "reader", "leaver", "late"))
    folder = tmp_path / "list_data" / sympa.name
    folder.mkdir(parents=True)
    (folder / "config").write_text(
        f"subject Nouvelles\n\nsubscribe closed\n\nsend privatekey\n\nowner\nemail {owner}\n"
    )
    dump = folder / "member.dump"
    dump.write_text(f"email {reader}\ngecos Renée\nreception digest\n\nemail {leaver}\n\n")
    options = {
        "import_from": "sympa",
        "import_paths": str(tmp_path / "list_data"),
        "import_directory": str(tmp_path / "imported"),
    }
    done = playbook.run(deployment, release, "playbooks/import_lists.yml", **options)
    assert done.returncode == 0, done.stdout[-4000:]
    assert [entry["email"] for entry in people(sympa, "owner")] == [owner]
    assert sorted(sympa.members()) == sorted([reader, leaver])
    assert sympa.member(reader)["display_name"] == "Renée" and sympa.member(reader)["delivery_mode"] == "mime_digests"
    assert (
        config(sympa)["default_nonmember_action"] == "reject" and config(sympa)["dmarc_mitigate_action"] == "munge_from"
    )

    sympa.rest("DELETE", f"lists/{sympa.address}/member/{leaver}")
    dump.write_text(f"{dump.read_text()}email {late}\n")
    done = playbook.run(deployment, release, "playbooks/import_lists.yml", **options)
    assert done.returncode == 0, done.stdout[-4000:]
    assert sorted(sympa.members()) == sorted([reader, late])
    assert f"not imported: {leaver}: has left the list since the last import" in done.stdout
    sympa.settle()
    assert [deployment.stand_in.received(address) for address in (owner, reader, late)] == [[], [], []]
