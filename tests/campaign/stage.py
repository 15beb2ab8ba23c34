"""Where the campaign plays: the list, the subscriber, the messages and how they are counted."""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from deployment import Deployment
from lab.commands import wait_for

LIST = "campaign"
SUBSCRIBER = "campaign@strict.test"
MODE = "/run/campaign-mode"
PATIENCE_SECONDS = 180
_HERE = Path(__file__).resolve().parent

_MAKE_LIST = """
import base64, json, pathlib, urllib.error, urllib.request
password = pathlib.Path("/etc/listkit/secrets/rest_password").read_text().strip()
token = base64.b64encode(f"restadmin:{password}".encode()).decode()
def call(method, path, **values):
    request = urllib.request.Request("http://127.0.0.1:8001/3.1" + path, json.dumps(values).encode(), method=method,
        headers={"Authorization": "Basic " + token, "Content-Type": "application/json"})
    try:
        urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        assert b"xists" in (said := error.read()) or b"already" in said, said
address = "%s"
call("POST", "/lists", fqdn_listname=address)
call("PATCH", f"/lists/{address}/config", default_nonmember_action="accept", max_message_size=0, max_num_recipients=0,
    archive_policy="public", require_explicit_destination=False)
call("POST", "/members", list_id=address.replace("@", "."), subscriber="%s", pre_verified=True, pre_confirmed=True,
    pre_approved=True, send_welcome_message=False)
"""

_BRIDGE_TO = """
import json, pathlib
path = pathlib.Path("/etc/listkit/bridge.json")
bridge = json.loads(path.read_text())
bridge["lmtp"]["port"] = %d
path.write_text(json.dumps(bridge, indent=4))
"""


@dataclass(frozen=True)
class Count:
    """What became of the messages of one act."""

    sent: int
    archived: int
    received: int
    lost: int
    doubled: int
    set_aside: int
    seconds: float


class Stage:
    """One site of a deployment, with a list for the campaign."""

    def __init__(self, deployment: Deployment, site: str, hold_seconds: float = 20) -> None:
        """hold_seconds: for how long a fault that takes its time is kept up."""
        self.hold_seconds = hold_seconds
        self.stand_in = deployment.stand_in
        self.site = deployment.sites[site]
        self.host = self.site.host
        self.service = deployment.stand_in.service
        self.address = self.site.address(LIST)
        self._token = ""
        self._sent = 0

    def __enter__(self) -> Stage:
        self.stand_in.reset()
        self.stand_in.set("quota", 1_000_000)
        self.stand_in.set("banip_failures", 1_000_000)
        self.stand_in.add_list_aliases(self.site.mailbox, LIST)
        self.host.run("python3 -", stdin=_MAKE_LIST % (self.address, SUBSCRIBER))
        self.host.write("/run/campaign_proxy.py", (_HERE / "lmtp_proxy.py").read_text())
        self.service.write("/run/campaign_injector.py", (_HERE / "injector.py").read_text())
        self.mode("pass")
        self.start_proxy()
        return self

    def __exit__(self, *_: object) -> None:
        self.host.run("python3 -", stdin=_BRIDGE_TO % 8024)
        self.host.run("systemctl restart listkit-bridge; systemctl stop campaign-proxy")
        self.stand_in.reset()

    def start_proxy(self) -> None:
        """Put the proxy between the bridge and Mailman, also after a reboot."""
        self.host.write("/run/campaign_proxy.py", (_HERE / "lmtp_proxy.py").read_text())
        self.host.run("python3 -", stdin=_BRIDGE_TO % 8025)
        self.host.run(
            "systemctl is-active -q campaign-proxy"
            f" || systemd-run --unit=campaign-proxy --collect python3 /run/campaign_proxy.py {MODE}"
        )
        self.host.run("systemctl restart listkit-bridge")

    def mode(self, line: str) -> None:
        """Say what the proxy breaks."""
        self.host.write(MODE, line)

    def inject(self, token: str, messages: int, seconds: float, octets: int = 100) -> None:
        """Begin to put messages into the mailbox, spread over so many seconds."""
        self._token, self._sent = token, messages
        words = f"{token} {messages} {self.site.mailbox.login} {self.address} {seconds} {octets}"
        self.service.run(f"systemd-run --unit=campaign-injector --collect python3 /run/campaign_injector.py {words}")

    @property
    def injecting(self) -> bool:
        """Whether messages are still being put into the mailbox."""
        return self.service.try_run("systemctl is-active -q campaign-injector").returncode == 0

    def received(self) -> Counter[int]:
        """How often the subscriber got each message."""
        found = re.compile(rf"<{self._token}-(\d+)@")
        matches = (found.search(one["Message-ID"]) for one in self.stand_in.received(SUBSCRIBER))
        return Counter(int(match[1]) for match in matches if match)

    def archived(self) -> int:
        """How many of the messages are in the archive."""
        query = f"SELECT count(*) FROM hyperkitty_email WHERE message_id LIKE '{self._token}-%'"  # noqa: S608 (our own token)
        command = f'cd / && runuser -u postgres -- psql -At mailman3web -c "{query}"'
        return int(self.host.run(command))

    def set_aside(self) -> int:
        """How many messages of this act lie in a folder for a human."""
        folders = " ".join(
            f"$(doveadm search -u {self.site.mailbox.login} mailbox {folder} subject {self._token} 2>/dev/null | wc -l)"
            for folder in ("Rejected", "Unrouted", "Failed")
        )
        return sum(map(int, self.service.run(f"echo {folders}").split()))

    def refused_logins(self) -> int:
        """How many logins at the mailbox the mail service has refused so far."""
        found = f"journalctl --quiet -t dovecot | grep -c 'auth failed.*user=<{self.site.mailbox.login}>'"
        return int(self.service.try_run(found).stdout or 0)

    def waiting(self) -> int:
        """How many messages still lie in the INBOX."""
        return int(self.service.run(f"doveadm search -u {self.site.mailbox.login} mailbox INBOX all | wc -l"))

    def settle(self) -> Count:
        """Wait until every message came through, or until nothing moves any more; count."""
        began = time.monotonic()
        wait_for(lambda: not self.injecting, "the messages to be put into the mailbox", 1800, every=1)
        best, since = -1, time.monotonic()
        while True:
            received, archived = self.received(), self.archived()
            progress = len(received) + archived
            if progress > best:
                best, since = progress, time.monotonic()
            done = len(received) == archived == self._sent and self.waiting() == 0
            if done or time.monotonic() - since > PATIENCE_SECONDS:
                break
            # What the relay had to defer it tries again after minutes; that is no part of this.
            self.host.run("postqueue -f")
            time.sleep(1)
        through = since - began
        # A second copy would come a moment later.
        time.sleep(5)
        received = self.received()
        self.stand_in.forget()
        return Count(
            sent=self._sent,
            archived=self.archived(),
            received=len(received),
            lost=self._sent - min(len(received), self.archived()),
            doubled=sum(received.values()) - len(received),
            set_aside=self.set_aside(),
            seconds=max(0.0, through),
        )
