"""`listkit trace` on a deployed host: a post is followed to its reader; one that waits is found, and decided on."""

from __future__ import annotations

import json
import secrets

import pytest

from e2e.mailing import DELIVERY_SECONDS, MailingList, person, subject
from infomaniak.service import StandIn
from lab import Host

pytestmark = pytest.mark.lab


def trace(host: Host, text: str, about: str) -> dict:
    """What it says of the message with that subject, among those that match."""
    answer = json.loads(host.run(f"listkit trace --json '{text}'"))
    assert answer["failures"] == []
    [message] = [message for message in answer["messages"] if message["subject"] == about]
    return message


def copies(stand_in: StandIn, address: str, about: str) -> int:
    """How many messages with that subject an address has received."""
    return sum(about in mail["Subject"] for mail in stand_in.received(address))


@pytest.mark.split
@pytest.mark.every_release("core")
def test_a_post_is_followed_to_its_reader_and_one_that_is_held_is_found(mailing_list: MailingList):
    # On a split site, the other hosts ask that of core.
    web, database = mailing_list.site.web, mailing_list.site.database
    host, author, stranger, reader = mailing_list.site.host, person("author"), person("stranger"), person("reader")
    about = subject()
    mailing_list.add(author, reader)
    posted = mailing_list.post(author, about)
    mailing_list.arrives(reader, about)

    # Its sender hears it before Postfix logs it.
    accepted = f"accepted by the provider for .*{reader}"
    host.wait_until(f"listkit trace {reader} | grep -q '{accepted}'", "the answer in the log", DELIVERY_SECONDS)
    for asked, text in ((host, posted["Message-ID"]), (web, author), (database, reader), (web, about.lower())):
        message = trace(asked, text, about)
        assert message["message_id"] == posted["Message-ID"]
    said = [f"{event['component']}: {event['text']}" for event in message["events"]]
    for part in (
        "mailbox: lies in Processed",
        f"{mailing_list.address}: delivered",
        "Mailman: accepted as a post",
        "Mailman: handed to the relay for 2 recipients",
        "relay: queued as ",
    ):
        assert any(part in line for line in said), (part, said)

    held = subject()
    mailing_list.post(stranger, held)
    mailing_list.deployment.stand_in.wait(mailing_list.held, "the post to be held", DELIVERY_SECONDS)
    message = trace(host, stranger, held)
    assert message["waits"]
    [waiting] = [event["text"] for event in message["events"] if event["waiting"]]
    assert waiting.startswith(f"waits for a moderator of {mailing_list.address}: ")

    assert [one.try_run("listkit trace nothing@example.test").returncode for one in (host, web, database)] == [1, 1, 1]

    # Both of the author's posts match.
    mailing_list.post(author, another := subject())
    mailing_list.arrives(reader, another)
    refused = web.try_run(f"listkit release {author}")
    assert refused.returncode == 1 and "name one by its Message-ID" in refused.stdout
    web.run(f"listkit release '{held}'")
    mailing_list.arrives(reader, held)
    database.run(f"listkit repost '{posted['Message-ID']}'")
    stand_in = mailing_list.deployment.stand_in
    stand_in.wait_for_mail(reader, where=lambda mail: copies(stand_in, reader, about) == 2)

    mailing_list.post(stranger, unwanted := subject())
    stand_in.wait(mailing_list.held, "the post to be held", DELIVERY_SECONDS)
    database.run(f"listkit discard '{unwanted}'")
    assert mailing_list.held() == []


@pytest.mark.split
def test_a_message_on_hold_is_deleted_from_the_host_of_the_web_interface(mailing_list: MailingList):
    site, message_id = mailing_list.site, f"<{secrets.token_hex(4)}@on-hold.test>"
    found = f"listkit trace '{message_id}' | grep -q 'waits (hold)'"
    site.host.run("systemctl stop listkit-budget")
    try:
        site.host.run(f"sendmail {person()}", stdin=f"Subject: On hold\nMessage-ID: {message_id}\n\nx\n")
        site.web.wait_until(found, "the message on hold", DELIVERY_SECONDS)
        assert ": deleted" in site.web.run(f"listkit discard '{message_id}'")
        assert site.host.try_run(found).returncode
    finally:
        site.host.run("systemctl start listkit-budget")
