"""Lists that are members of lists: each reader gets one copy, and the quota is spent on readers only."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from deployment import Deployment
from e2e.mailing import MailingList, person, subject
from infomaniak import compose

pytestmark = [pytest.mark.lab, pytest.mark.every_release]


@pytest.fixture
def lists(deployment: Deployment, release: str) -> Iterator[list[MailingList]]:
    """Three lists with a reader each, whose posts need no approval."""
    site = deployment.sites[release]
    made = [MailingList(deployment, site, f"l{secrets.token_hex(3)}") for _ in range(3)]
    for mailing_list in made:
        mailing_list.create()
        mailing_list.configure(default_nonmember_action="accept", dmarc_mitigate_action="munge_from")
        mailing_list.add(person(mailing_list.name))
    # The members are welcomed first.
    made[0].settle()
    yield made
    for mailing_list in made:
        mailing_list.delete()


def readers(*lists: MailingList) -> list[str]:
    """The members that are no lists."""
    own = {mailing_list.address for mailing_list in lists}
    return [member for mailing_list in lists for member in mailing_list.members() if member not in own]


def check_each_reads_once(author: str, post_subject: str, *lists: MailingList, to: list[MailingList]) -> None:
    """Post to the lists `to`; each reader gets the post once, and no one else anything."""
    deployment, mailbox = lists[0].deployment, lists[0].site.mailbox
    before = deployment.stand_in.status()["spent"][mailbox.login]
    addresses = [mailing_list.address for mailing_list in to]
    deployment.stand_in.post(author, addresses, compose(author, ", ".join(addresses), post_subject))
    everyone = readers(*lists)
    for reader in everyone:
        lists[0].arrives(reader, post_subject)
    lists[0].settle()
    assert lists[0].copies(everyone, post_subject) == dict.fromkeys(everyone, 1)
    assert deployment.stand_in.status()["spent"][mailbox.login] - before == len(everyone)


def test_an_umbrella_list_reaches_the_members_of_its_lists(lists: list[MailingList]):
    umbrella, *parts = lists
    umbrella.add(*(part.address for part in parts))
    check_each_reads_once(person("author"), subject(), *lists, to=[umbrella])


def test_two_lists_that_contain_each_other_post_once(lists: list[MailingList]):
    one, other, _ = lists
    one.add(other.address)
    other.add(one.address)
    check_each_reads_once(person("author"), subject(), one, other, to=[one])


def test_a_post_to_both_of_them_reaches_each_reader_once(lists: list[MailingList]):
    one, other, _ = lists
    one.add(other.address)
    other.add(one.address)
    check_each_reads_once(person("author"), subject(), one, other, to=[one, other])


def test_three_lists_in_a_ring_post_once(lists: list[MailingList]):
    one, two, three = lists
    one.add(two.address)
    two.add(three.address)
    three.add(one.address)
    check_each_reads_once(person("author"), subject(), *lists, to=[one])


def test_a_post_with_the_list_s_own_list_post_is_held(lists: list[MailingList]):
    mailing_list, author, about = lists[0], person("author"), subject()
    mailing_list.post(author, about, List_Post=f"<mailto:{mailing_list.address}>")
    stand_in = mailing_list.deployment.stand_in
    held = stand_in.wait(mailing_list.held, "the post to be held")
    assert [(post["subject"], "already been posted" in post["reason"]) for post in held] == [(about, True)]
    mailing_list.moderate(held[0], "accept")
    mailing_list.arrives(mailing_list.members()[0], about)


def test_two_posts_with_one_message_id_are_both_read(lists: list[MailingList]):
    mailing_list, author, identity = lists[0], person("author"), f"<{secrets.token_hex(8)}@plain.test>"
    (reader,) = mailing_list.members()
    ids = set()
    for number in range(2):
        about = subject()
        message = compose(author, mailing_list.address, about, f"Content {number}\n")
        message.replace_header("Message-ID", identity)
        mailing_list.deployment.stand_in.post(author, mailing_list.address, message)
        ids.add(mailing_list.arrives(reader, about)["Message-ID"])
    assert len(ids) == 2


@pytest.fixture
def unnamed_recipients(deployment: Deployment) -> Iterator[None]:
    """A provider that writes the mailbox, and not the alias, into Delivered-To."""
    deployment.stand_in.set("delivered_to", "mailbox")
    yield
    deployment.stand_in.reset()


@pytest.mark.usefixtures("unnamed_recipients")
def test_a_held_post_of_a_list_without_owners_spends_no_quota_in_a_circle(lists: list[MailingList]):
    mailing_list, stand_in = lists[0], lists[0].deployment.stand_in
    mailing_list.configure(default_nonmember_action="hold", respond_to_post_requests=False)
    before = stand_in.status()["spent"][mailing_list.site.mailbox.login]
    mailing_list.post(person("author"), subject())
    stand_in.wait(mailing_list.held, "the post to be held")
    mailing_list.settle()
    # The notice reaches the site's owner, by way of its own address.
    assert stand_in.status()["spent"][mailing_list.site.mailbox.login] - before <= 2
