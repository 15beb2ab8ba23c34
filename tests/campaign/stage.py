"""Where the campaign plays: the list, the subscriber, the messages and how they are counted."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deployment import Deployment
from e2e.mailing import MailingList
from lab.commands import wait_for

LIST = "campaign"
SUBSCRIBER = "campaign@strict.test"
MODE = "/run/campaign-mode"
# Nothing moves, and nothing is on its way: what hasn't come is lost.
PATIENCE_SECONDS = 60
# The longest pause that somebody on the way takes by himself: a bridge whose logins were refused, or the relay.
LONGEST_WAIT_SECONDS = 1200
_HERE = Path(__file__).resolve().parent

_BRIDGE_TO = """
import json, pathlib
path = pathlib.Path("/etc/listkit/bridge.json")
bridge = json.loads(path.read_text())
bridge["lmtp"] = {"port": %d}
path.write_text(json.dumps(bridge, indent=4))
"""

# A campaign sends more than an account may in a day.
_LIFT_BUDGET = """
import json, pathlib
path = pathlib.Path("/etc/listkit/budget.json")
kept = pathlib.Path("/etc/listkit/budget.json.campaign")
if not kept.exists():
    kept.write_text(path.read_text())
budget = json.loads(path.read_text())
for account in budget["accounts"]:
    account["limit"] = 1_000_000
path.write_text(json.dumps(budget, indent=4))
"""
_RESTORE_BUDGET = """
cd /etc/listkit && cat budget.json.campaign > budget.json && rm budget.json.campaign && systemctl restart listkit-budget
"""

_ASK_JOURNAL = """
import sqlite3
print(sqlite3.connect("/var/lib/private/listkit-bridge/journal.sqlite").execute("%s").fetchone()[0])
"""

_QUEUED = """
find /var/lib/mailman3/queue -name bad -prune -o -name shunt -prune -o -type f -print | wc -l
find /var/spool/postfix/incoming /var/spool/postfix/active /var/spool/postfix/deferred /var/spool/postfix/hold \
    /var/spool/postfix/maildrop -type f | wc -l
"""
_FLUSHED = """
find /var/spool/postfix/incoming /var/spool/postfix/active /var/spool/postfix/deferred -type f | wc -l
postqueue -f
"""


@dataclass(frozen=True)
class Count:
    """What became of the messages of one act. `resent`: copies that the relay sent twice, see `Stage.received`."""

    sent: int
    archived: int
    received: int
    lost: int
    doubled: int
    resent: int
    set_aside: int
    shunted: int
    seconds: float

    @property
    def clean(self) -> bool:
        """Whether every message came once, and by itself."""
        return not (self.lost or self.doubled or self.set_aside or self.shunted)


class Stage:
    """One site of a deployment, with a list for the campaign."""

    def __init__(self, deployment: Deployment, site: str, hold_seconds: float = 20) -> None:
        """hold_seconds: for how long a fault that takes its time is kept up."""
        self.hold_seconds = hold_seconds
        self.lab = deployment.lab
        self.stand_in = deployment.stand_in
        self.site = deployment.sites[site]
        self.host = self.site.host
        self.service = deployment.stand_in.service
        self.list = MailingList(deployment, self.site, LIST)
        self.address = self.list.address
        self._token = ""
        self._sent = 0
        self._shunted_before = 0

    def __enter__(self) -> Stage:
        self.stand_in.reset()
        self.stand_in.set("quota", 1_000_000)
        self.stand_in.set("banip_failures", 1_000_000)
        self._make_list()
        self.host.run("python3 -; systemctl restart listkit-budget", stdin=_LIFT_BUDGET)
        self.host.write("/run/campaign_proxy.py", (_HERE / "lmtp_proxy.py").read_text())
        self.service.write("/run/campaign_injector.py", (_HERE / "injector.py").read_text())
        self.mode("pass")
        self.start_proxy()
        self._shunted_before = self._shunted()
        return self

    def __exit__(self, *_: object) -> None:
        self.host.run("python3 -", stdin=_BRIDGE_TO % 8024)
        self.host.run("systemctl restart listkit-bridge; systemctl stop campaign-proxy")
        self.host.run(_RESTORE_BUDGET)
        self.stand_in.reset()

    def _make_list(self) -> None:
        """Make the list, unless an earlier campaign has."""
        lists = self.list.rest("GET", "lists").get("entries", [])
        if self.address not in (each["fqdn_listname"] for each in lists):
            self.list.create()
        self.list.configure(
            default_nonmember_action="accept",
            max_message_size=0,
            max_num_recipients=0,
            archive_policy="public",
            require_explicit_destination=False,
        )
        if SUBSCRIBER not in self.list.members():
            self.list.add(SUBSCRIBER, send_welcome_message=False)

    def start_proxy(self) -> None:
        """Put the proxy between the bridge and Mailman, also after a reboot."""
        self.host.write("/run/campaign_proxy.py", (_HERE / "lmtp_proxy.py").read_text())
        self.host.run("python3 -", stdin=_BRIDGE_TO % 8025)
        self.host.run(
            "systemctl is-active -q campaign-proxy"
            f" || systemd-run --unit=campaign-proxy --collect python3 /run/campaign_proxy.py {MODE}"
        )
        self.host.run("systemctl restart listkit-bridge")

    @contextmanager
    def imap_proxy(self, probability: float = 0, client: str = "listkit-bridge") -> Iterator[Callable[[], str]]:
        """Put the proxy between the client, a unit, and the IMAP server; yield what gives its log.

        probability: the share of the FETCHes of large messages that it breaks.
        """
        began = time.time()
        line = "127.0.0.1 mail.infomaniak.com # campaign"
        self.host.write("/run/campaign_imap.py", (_HERE / "imap_proxy.py").read_text())
        program = f"python3 /run/campaign_imap.py {self.service.address} {probability}"
        self.host.run(f"systemd-run --unit=campaign-imap --collect {program}; echo '{line}' >> /etc/hosts")
        self.host.run(f"systemctl restart {client}")
        try:
            yield lambda: self.host.run(f"journalctl --quiet -o cat -u campaign-imap --since @{began:.0f}")
        finally:
            self.host.run("sed -i '/ # campaign$/d' /etc/hosts; systemctl stop campaign-imap")
            self.host.run(f"systemctl restart {client}")

    def mode(self, line: str) -> None:
        """Say what the proxy breaks."""
        self.host.write(MODE, line)

    def hits(self) -> int:
        """How many messages the proxy has broken so far."""
        return int(self.host.run("cat /run/campaign-hits 2>/dev/null | wc -l"))

    def inject(self, token: str, messages: int, seconds: float, octets: int = 100) -> None:
        """Begin to put messages into the mailbox, spread over so many seconds."""
        wait_for(lambda: not self.injecting, "the messages of an act that failed", 1800, every=2)
        self._token, self._sent = token, messages
        words = f"{token} {messages} {self.site.mailbox.login} {self.address} {seconds} {octets}"
        self.service.run(f"systemd-run --unit=campaign-injector --collect python3 /run/campaign_injector.py {words}")

    @property
    def injecting(self) -> bool:
        """Whether messages are still being put into the mailbox."""
        return self.service.try_run("systemctl is-active -q campaign-injector").returncode == 0

    def received(self) -> tuple[Counter[int], int]:
        """How many copies of each message the relay had for the subscriber, and how many of them it sent twice.

        It does when it is killed between the service's 250 and its own note of that: the window of RFC 1047, which no
        sender of mail can close.
        """
        found = re.compile(rf"<{self._token}-(\d+)@")
        queued = re.compile(rf"by {re.escape(self.site.fqdn)} \(Postfix\) with ESMTP id (\w+)")
        copies = [
            (int(match[1]), queued.search("\n".join(mail.all("Received")))[1])
            for mail in self.stand_in.received(SUBSCRIBER)
            if (match := found.search(mail["Message-ID"]))
        ]
        different = set(copies)
        return Counter(number for number, _ in different), len(copies) - len(different)

    def archived(self) -> int:
        """How many of the messages are in the archive."""
        query = f"SELECT count(*) FROM hyperkitty_email WHERE message_id LIKE '{self._token}-%'"  # noqa: S608 (our own token)
        command = f'cd / && runuser -u postgres -- psql -At mailman3web -c "{query}"'
        return int(self.site.database.run(command))

    def set_aside(self) -> int:
        """How many messages of this act lie in a folder for a human."""
        folders = " ".join(
            f"$(doveadm search -u {self.site.mailbox.login} mailbox {folder} subject {self._token} 2>/dev/null | wc -l)"
            for folder in ("Rejected", "Unrouted", "Failed")
        )
        return sum(map(int, self.service.run(f"echo {folders}").split()))

    def recorded(self, after: float, before: float) -> int:
        """How many deliveries the bridge has recorded, by its own clock, between two moments (since the epoch)."""
        query = f"SELECT count(*) FROM delivered WHERE at BETWEEN {after} AND {before}"  # noqa: S608 (our own numbers)
        return int(self.host.run("python3 -", stdin=_ASK_JOURNAL % query))

    def refused_logins(self) -> int:
        """How many logins at the mailbox the mail service has refused so far."""
        found = f"journalctl --quiet -t dovecot | grep -c 'auth failed.*user=<{self.site.mailbox.login}>'"
        return int(self.service.try_run(found).stdout or 0)

    def waiting(self) -> int:
        """How many messages still lie in the INBOX."""
        return int(self.service.run(f"doveadm search -u {self.site.mailbox.login} mailbox INBOX all | wc -l"))

    def left(self) -> int:
        """How many messages are on their way: in the INBOX, in Mailman's queues, in Postfix's of every host."""
        here = sum(map(int, self.host.run(_QUEUED).split()))
        elsewhere = sum(int(host.run(_FLUSHED)) for host in (self.service, self.stand_in.strict))
        return self.waiting() + here + elsewhere

    def settle(self) -> Count:
        """Wait until every message came through, or until nothing moves any more; count."""
        began = time.monotonic()
        wait_for(lambda: not self.injecting, "the messages to be put into the mailbox", 1800, every=2)
        seen, since = (), time.monotonic()
        while True:
            left, archived = self.left(), self.archived()
            received = self.stand_in.counts().get(SUBSCRIBER, 0)
            if (left, archived, received) != seen:
                seen, since = (left, archived, received), time.monotonic()
            done = received >= archived == self._sent and not left
            if done or time.monotonic() - since > (LONGEST_WAIT_SECONDS if left else PATIENCE_SECONDS):
                break
            time.sleep(5)
        (copies, resent), archived = self.received(), self.archived()
        shunted_before, self._shunted_before = self._shunted_before, self._shunted()
        self.stand_in.forget()
        return Count(
            sent=self._sent,
            archived=archived,
            received=len(copies),
            lost=self._sent - min(len(copies), archived),
            # Not by the archive: HyperKitty keeps one of each Message-ID.
            doubled=sum(copies.values()) - len(copies),
            resent=resent,
            set_aside=self.set_aside(),
            shunted=self._shunted_before - shunted_before,
            seconds=max(0.0, since - began),
        )

    def _shunted(self) -> int:
        """How many queue files Mailman has given up on, in `shunt` and in `bad`."""
        return int(self.host.run("find /var/lib/mailman3/queue/shunt /var/lib/mailman3/queue/bad -type f | wc -l"))
