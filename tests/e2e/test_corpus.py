"""Mail that other projects test their programs with (`tests/corpus`): each message has one of the known ends.

Takes half an hour for each host. The messages arrive as they would from the internet, to one list with one reader.
"""

from __future__ import annotations

import base64
import email
import json
import re
import shlex
from collections import Counter
from collections.abc import Iterator

import pytest

import corpus
from corpus import Specimen
from deployment import Deployment
from e2e.mailing import MAILMAN_IDLE, MailingList, person
from e2e.test_bridge import put_each
from e2e.test_strange_mail import set_aside
from e2e.website import WebSite, in_django
from infomaniak import Received
from infomaniak.service import POSTFIX_IDLE

pytestmark = [pytest.mark.lab, pytest.mark.slow]

MARK = "X-Corpus-Number"
LEAST_POSTS, LEAST_BOUNCES = 500, 200
PATIENCE_SECONDS = 3600
BATCH = 100
SET_ASIDE = ("Rejected", "Unrouted", "Failed")
_LIFT_BUDGET = """
import json, pathlib
path = pathlib.Path("/etc/listkit/budget.json")
budget = json.loads(path.read_text())
for account in budget["accounts"]:
    account["limit"] = 1_000_000
path.write_text(json.dumps(budget))
"""
_STATUSES = """
def act(paths, host):
    client = Client(HTTP_HOST=host)
    return [client.get(path, secure=True).status_code for path in paths]
"""
# flufl.bounce alone, on the messages as they are.
_RECOGNISE = """
import base64, email, json, sys
from flufl.bounce import all_failures
from mailman.email.message import Message
found = []
for message in json.load(sys.stdin):
    _temporary, permanent = all_failures(email.message_from_bytes(base64.b64decode(message), Message))
    found += [one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in permanent]
print(json.dumps(found))
"""
_RECORDED = "SELECT email FROM bounceevent WHERE list_id = '{}'"


@pytest.fixture(scope="module")
def posts() -> list[Specimen]:
    """All posts."""
    return corpus.specimens("posts")


@pytest.fixture(scope="module")
def bounces() -> list[Specimen]:
    """All bounces."""
    return corpus.specimens("bounces")


@pytest.fixture
def ample_quota(deployment: Deployment) -> Iterator[None]:
    """A provider whose quota is no obstacle."""
    deployment.stand_in.set("quota", 1_000_000)
    yield
    deployment.stand_in.reset()


@pytest.fixture
def ample_budget(mailing_list: MailingList) -> Iterator[None]:
    """An outbound budget that is no obstacle either."""
    host = mailing_list.site.host
    host.run("cp -p /etc/listkit/budget.json /etc/listkit/budget.json.corpus")
    host.run("python3 - && systemctl restart listkit-budget", stdin=_LIFT_BUDGET)
    yield
    host.run("mv /etc/listkit/budget.json.corpus /etc/listkit/budget.json && systemctl restart listkit-budget")


def put(mailing_list: MailingList, to: str, sender: str, messages: list[bytes]) -> None:
    """Put numbered messages into the mailbox, a few at a time."""
    envelope = f"Return-Path: <{sender}>\r\nDelivered-To: {to}\r\n"
    numbered = [f"{envelope}{MARK}: {number}\r\n".encode() + octets for number, octets in enumerate(messages)]
    for start in range(0, len(numbered), BATCH):
        put_each(mailing_list, *numbered[start : start + BATCH])


def number_of(message: email.message.Message) -> int:
    """Which message it is. One that begins with a space continues the mark."""
    return int(message[MARK].split()[0])


def archive_statuses(website: WebSite, copies: list[Received]) -> dict[int, int]:
    """The status of the page that the link in each copy leads to, by number; some authors want no archive."""
    links = {
        number_of(copy.message): re.search(r"<https?://[^/]+/mailman3(/[^>\s]+)\s*>", copy["Archived-At"])[1]
        for copy in copies
        if not copy["X-No-Archive"]
    }
    paths, statuses = list(links.values()), []
    for start in range(0, len(paths), BATCH):
        statuses += in_django(website, _STATUSES, paths[start : start + BATCH], website.site.fqdn)
    return dict(zip(links, statuses, strict=True))


@pytest.mark.usefixtures("ample_quota", "ample_budget", "public_list")
def test_every_post_has_an_end(mailing_list: MailingList, website: WebSite, posts: list[Specimen]):
    assert len(posts) >= LEAST_POSTS
    reader = person("reader")
    mailing_list.configure(
        max_message_size=0, max_num_recipients=0, require_explicit_destination=False, administrivia=False,
        default_nonmember_action="accept", respond_to_post_requests=False, digests_enabled=False,
    )  # fmt: skip
    mailing_list.add(reader, send_welcome_message=False)
    put(mailing_list, mailing_list.address, person("author", "plain.test"), [post.octets for post in posts])
    wait_until_handled(mailing_list)

    copies = mailing_list.deployment.stand_in.received(reader)
    read = Counter(number_of(copy.message) for copy in copies)
    held = {number_of(email.message_from_string(request["msg"])) for request in mailing_list.held()}
    refused = {number for folder in SET_ASIDE for number in numbers_in(mailing_list, folder)}
    ends = read.keys() | held | refused | discarded(mailing_list, posts)
    assert {number: count for number, count in read.items() if count > 1} == {}
    assert [posts[number].origin for number in range(len(posts)) if number not in ends] == []
    statuses = archive_statuses(website, copies)
    assert {posts[number].origin: status for number, status in statuses.items() if status != 200} == {}
    assert set_aside(mailing_list) == ""
    print(f"{len(posts)} posts: {len(read)} read, {len(held)} held, {len(refused)} refused")


def wait_until_handled(mailing_list: MailingList) -> None:
    """Wait until the bridge and Mailman have handled all mail, and the relay has sent it."""
    inbox = f"/var/vmail/{mailing_list.site.mailbox.login}/Maildir"
    is_empty = f'[ -z "$(find {inbox}/new {inbox}/cur -type f -print -quit)" ]'
    mailing_list.deployment.stand_in.service.wait_until(is_empty, "the mailbox to be empty", PATIENCE_SECONDS)
    for condition in (MAILMAN_IDLE, POSTFIX_IDLE):
        mailing_list.site.host.wait_until(condition, "the queues to be empty", PATIENCE_SECONDS)
    mailing_list.settle()


def numbers_in(mailing_list: MailingList, folder: str) -> list[int]:
    """The numbers of the messages in a folder that were sent to the list."""
    login = mailing_list.site.mailbox.login
    command = f"doveadm fetch -u {login} hdr mailbox {folder} header Delivered-To {mailing_list.name}"
    headers = mailing_list.deployment.stand_in.service.run(command)
    return [int(found) for found in re.findall(rf"(?m)^{MARK}: (\d+)", headers)]


def discarded(mailing_list: MailingList, posts: list[Specimen]) -> set[int]:
    """The numbers of the posts that Mailman refused to their authors, or discarded with a reason in its log.

    The reasons: it is an automatic reply, or a copy of a post that came through another list.
    """
    log = mailing_list.site.host.run("grep -hE ' (DISCARD|REJECT): | discarded by ' /var/log/mailman3/mailman.log")
    messages = [email.message_from_bytes(post.octets) for post in posts]
    ids = {number: str(message["message-id"] or "").strip() for number, message in enumerate(messages)}
    return {number for number, found in ids.items() if found and found in log}


def test_bounces_are_recognised_as_often_as_by_flufl_bounce_alone(mailing_list: MailingList, bounces: list[Specimen]):
    assert len(bounces) >= LEAST_BOUNCES
    host = mailing_list.site.host
    mailing_list.configure(process_bounces=True, forward_unrecognized_bounces_to="discard")
    stdin = json.dumps([base64.b64encode(bounce.octets).decode() for bounce in bounces])
    expected = json.loads(host.run(shlex.join(["python3", "-c", _RECOGNISE]), stdin=stdin))

    put(mailing_list, mailing_list.sub("bounces"), "", [bounce.octets for bounce in bounces])
    wait_until_handled(mailing_list)

    query = _RECORDED.format(mailing_list.list_id)
    recorded = host.run(f"runuser -u list -- psql -At -d mailman3 -c {shlex.quote(query)}").splitlines()
    # Cleaned, more of them can be read.
    assert Counter(map(str.lower, expected)) - Counter(map(str.lower, recorded)) == Counter()
    assert [number for folder in SET_ASIDE for number in numbers_in(mailing_list, folder)] == []
    assert set_aside(mailing_list) == ""
