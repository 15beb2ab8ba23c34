"""`listkit list rename`: a list with everything that belongs to it, as its members, moderators and readers see it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace

import pytest

from deployment import Deployment
from e2e.browser import Browser
from e2e.mailing import MailingList, person, subject
from e2e.website import SEARCHABLE_WITHIN_SECONDS, WebSite, archived, remove_archive, wait_for
from infomaniak.service import SUFFIXES
from lab.errors import LabError

pytestmark = [pytest.mark.lab, pytest.mark.every_release, pytest.mark.split]


def command(website: WebSite, *words: str) -> str:
    """Run `listkit list` on the host with core, and the part of the web host if that is another one."""
    site = website.site
    done = site.host.try_run(f"listkit list {' '.join(words)}")
    if not site.split or words[-1] == "--dry-run":
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode == 1, done.stderr
        site.web.run(done.stderr.rpartition("sudo ")[2])
    return done.stdout


@pytest.fixture
def new(deployment: Deployment, website: WebSite, public_list: str, mailing_list: MailingList) -> Iterator[MailingList]:
    """The list as it is to be called, with its aliases. Afterwards, the list has its first name again."""
    new = replace(mailing_list, name=f"n{secrets.token_hex(3)}")
    deployment.stand_in.add_list_aliases(new.site.mailbox, new.name)
    yield new
    new.settle()
    # Each fails where the test has done it already.
    new.site.host.try_run(f"listkit list rename {new.address} {mailing_list.address}")
    new.site.web.try_run(f"listkit web rename-list {new.address} {mailing_list.address}")
    for host in new.site.hosts[:2]:
        host.run(f"listkit web forget-list {new.address}")
    remove_archive(website.superuser(), new.address)
    deployment.stand_in.remove_aliases(new.site.mailbox, *(f"{new.name}{suffix}" for suffix in SUFFIXES))


def test_a_list_is_renamed_with_everything_and_its_former_address_goes_on(
    website: WebSite, superuser: Browser, mailing_list: MailingList, new: MailingList
):
    old, reader, stranger = mailing_list, person("reader"), person("stranger")
    first, held, later = subject(), subject(), subject()
    old.add(reader, display_name="A reader")
    old.add_owner(reader)
    old.rest("POST", f"lists/{old.address}/bans", email="eve@example.com")
    old.post(reader, first)
    old.arrives(reader, first)
    thread = archived(superuser, old.address, first).url
    old.configure(default_nonmember_action="hold")
    old.post(stranger, held)
    old.site.host.wait_until(
        f"listkit list rename {old.address} {new.address} --dry-run | grep -q 'held messages'", "a held post", 120
    )
    old.settle()
    assert old.members() == [reader] and "1 members" in command(
        website, "rename", old.address, new.address, "--dry-run"
    )

    said = command(website, "rename", old.address, new.address)
    assert f"{old.address} becomes {new.address}, with\n  1 members\n" in said
    assert new.members() == [reader] and [one["subject"] for one in new.held()] == [held]
    assert [ban["email"] for ban in new.rest("GET", f"lists/{new.address}/bans")["entries"]] == ["eve@example.com"]
    with pytest.raises(LabError, match="400"):
        new.rest("POST", "lists", fqdn_listname=old.address)

    # The archive, at both addresses.
    assert superuser.get(thread.removeprefix(superuser.url(""))).url == thread.replace(old.address, new.address)
    search = f"/mailman3/hyperkitty/search?q={first.split()[-1]}&mlist={new.address}"
    wait_for(
        "post in the search", SEARCHABLE_WITHIN_SECONDS, lambda: superuser.get(search), lambda page: first in page.text
    )

    # Mail, to both addresses.
    new.moderate(new.held()[0], "accept")
    new.arrives(reader, held)
    old.post(reader, later)
    copy = new.arrives(reader, later)
    assert new.address in copy["From"] and copy["Return-Path"] == f"<{new.sub('bounces')}>"
    archived(superuser, new.address, later)
    joiner = person("joiner")
    old.command(joiner, "join")
    assert new.name in new.arrives(joiner, "confirm")["From"]

    # Back again.
    command(website, "rename", new.address, old.address)
    assert old.members() == [reader]
    command(website, "forget", new.address)
    assert superuser.get(f"/mailman3/hyperkitty/list/{new.address}/").status == 404
    archived(superuser, old.address, later)
