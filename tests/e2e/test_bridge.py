"""What only the bridge and Mailman's end of it do, on every deployed host."""

from __future__ import annotations

import base64
import json
import secrets
import shlex

import pytest

from deployment import Deployment
from e2e.mailing import MailingList, person
from lab.commands import wait_for

pytestmark = pytest.mark.lab

# The size; aiosmtpd, which Mailman's LMTP server stands on, takes 32 MiB when nobody tells it otherwise.
HUGE_OCTETS = 50_000_000
# More than the relay takes (`relay_message_size_limit`), less than Mailman's LMTP server does.
UNSENDABLE_OCTETS = 60_000_000
MOST_MEMORY_KIB = 64 * 1024
PATIENCE_SECONDS = 300

# A message of so many octets is made where the mailbox is: it needn't travel there.
_SAVE = """
import subprocess, sys
account, address, author, subject, octets = sys.argv[1:]
head = (
    f"Authentication-Results: mx.infomaniak.com; dmarc=pass\\nReturn-Path: <{author}>\\nDelivered-To: {address}\\n"
    f"From: {author}\\nTo: {address}\\nSubject: {subject}\\n"
    f"Message-ID: <{subject}@strict.test>\\nDate: Sun, 01 Nov 2026 10:00:00 +0000\\nMIME-Version: 1.0\\n"
    "Content-Type: text/plain\\n\\n"
).encode()
line = b"All is well, and there is a lot of it, line after line after line after it.\\n"
save = subprocess.Popen(["doveadm", "save", "-u", account], stdin=subprocess.PIPE)
save.stdin.write(head)
for start in range(0, int(octets) - len(head), len(line)):
    save.stdin.write(line)
save.stdin.close()
sys.exit(save.wait())
"""

# Messages of any octets; the shell would choke on some.
_SAVE_EACH = """
import base64, json, subprocess, sys
for message in json.load(sys.stdin):
    subprocess.run(["doveadm", "save", "-u", sys.argv[1]], input=base64.b64decode(message), check=True)
"""


def put(mailing_list: MailingList, author: str, subject: str, octets: int) -> None:
    """Put a post of that size into the mailbox, for whose author the service vouches."""
    words = (mailing_list.site.mailbox.login, mailing_list.address, author, subject, octets)
    mailing_list.deployment.stand_in.service.run(f"python3 - {' '.join(map(str, words))}", stdin=_SAVE)


def put_each(mailing_list: MailingList, *messages: bytes) -> None:
    """Put messages into the mailbox as they stand."""
    command = shlex.join(["python3", "-c", _SAVE_EACH, mailing_list.site.mailbox.login])
    stdin = json.dumps([base64.b64encode(message).decode() for message in messages])
    mailing_list.deployment.stand_in.service.run(command, stdin=stdin)


def nested(depth: int) -> bytes:
    """A multipart in a multipart in a multipart…"""
    opened = (b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(depth))
    return b"MIME-Version: 1.0\n" + b"".join(opened) + b"\nHello.\n"


def folders_of(mailing_list: MailingList, word: str) -> list[str]:
    """The folders of the mailbox in which messages with that word lie, one for each message."""
    search = ["doveadm", "fetch", "-u", mailing_list.site.mailbox.login, "mailbox", "text", word]
    return sorted(mailing_list.deployment.stand_in.service.run(shlex.join(search)).replace("mailbox: ", "").split())


def peak_memory(mailing_list: MailingList, *, forget: bool = False) -> int:
    """The most memory that the bridge's process had at once, in KiB; with `forget` it is measured anew from now on."""
    process = "/proc/$(systemctl show --property=MainPID --value listkit-bridge)"
    command = f"echo 5 > {process}/clear_refs" if forget else f"awk '/^VmHWM/ {{print $2}}' {process}/status"
    return int(mailing_list.site.host.run(command) or 0)


def held(mailing_list: MailingList) -> int:
    """How many posts wait for a moderator; `MailingList.held` would read them."""
    return mailing_list.rest("GET", f"lists/{mailing_list.address}/held/count")["count"]


def test_a_huge_post_reaches_mailman_through_little_memory(mailing_list: MailingList):
    author = person("author")
    mailing_list.configure(admin_immed_notify=False)
    mailing_list.add(author)
    peak_memory(mailing_list, forget=True)
    put(mailing_list, author, f"huge-{secrets.token_hex(4)}", HUGE_OCTETS)
    wait_for(lambda: held(mailing_list) == 1, "Mailman to hold the huge post", PATIENCE_SECONDS, every=1)
    assert peak_memory(mailing_list) < MOST_MEMORY_KIB


def test_a_post_too_large_to_be_sent_on_is_refused_by_mailman_with_a_notice(mailing_list: MailingList):
    author, subject = person("author"), f"larger-{secrets.token_hex(4)}"
    mailing_list.add(author)
    peak_memory(mailing_list, forget=True)
    put(mailing_list, author, subject, UNSENDABLE_OCTETS)
    notice = mailing_list.arrives(author, subject, seconds=PATIENCE_SECONDS)
    assert "MB can be sent" in notice.text
    assert peak_memory(mailing_list) < MOST_MEMORY_KIB


@pytest.mark.one_release
def test_a_hostile_message_is_posted_or_set_aside_and_holds_nothing_up(mailing_list: MailingList):
    author, reader, word = person("author"), person("reader"), f"hostile{secrets.token_hex(4)}"
    mailing_list.configure(max_message_size=0)
    mailing_list.add(author, reader)
    head = f"Return-Path: <{author}>\nDelivered-To: {mailing_list.address}\nFrom: {author}\n".encode()

    def message(name: str, rest: bytes) -> bytes:
        return head + f"To: {mailing_list.address}\nSubject: {word}{name}\n".encode() + rest

    fates = {
        "header": (message("header", b"X-Caf\xe9: \xe9\nX-Name: Ren\xe9\n\nHello.\n"), "Processed"),
        "id": (message("id", b"Message-ID: <caf\xe9@strict.test>\n\nHello.\n"), "Processed"),
        "nul": (message("nul", b"\nNothing: \0, and again: \0\n"), "Processed"),
        "line": (message("line", b"\n" + b"x" * 100_000 + b"\n"), "Processed"),
        "bare": (message("bare", b"\n.\nbare\r.\nline\n.\r\nends\n"), "Processed"),
        "headless": (f"{word}headless has no header at all\n".encode(), "Unrouted"),
        "deep": (message("deep", nested(1200)), "Processed"),
        "normal": (message("normal", b"Message-ID: <%s@strict.test>\n\nHello.\n" % word.encode()), "Processed"),
    }
    put_each(mailing_list, *(content for content, _folder in fates.values()))
    mailing_list.arrives(reader, f"{word}normal", seconds=60)
    wait_for(
        lambda: "INBOX" not in folders_of(mailing_list, word), "the mailbox to be empty", PATIENCE_SECONDS, every=2
    )
    assert {name: folders_of(mailing_list, word + name) for name in fates} == {
        name: [folder] for name, (_content, folder) in fates.items()
    }
    for name, (_content, folder) in fates.items():
        if folder == "Processed":
            mailing_list.arrives(reader, word + name)


@pytest.mark.every_release("core")
def test_the_bridge_is_confined(deployment: Deployment, release: str):
    host = deployment.sites[release].host
    verdict = host.run("systemd-analyze security listkit-bridge | tail -1")
    assert float(verdict.split("service:")[1].split()[0]) < 2
    shown = host.run("systemctl show listkit-bridge --property=DynamicUser,WatchdogUSec").split()
    assert sorted(shown) == ["DynamicUser=yes", "WatchdogUSec=2min"]
    # The passwords that systemd hands over, and no others.
    assert host.run("ls /run/credentials/listkit-bridge.service").split() == ["mail_passwords", "rest_password"]
