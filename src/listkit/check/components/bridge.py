"""The bridge: its name server, logged in to every mailbox, and the messages that it set aside."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from listkit.backup import unfinished
from listkit.bridge.config import CONFIGURATION, load_without_passwords
from listkit.check.finding import PLAYBOOK, Check, Finding
from listkit.check.probes import TIMEOUT_SECONDS, date, with_last_log_line
from listkit.check.settings import Settings

UNIT = "listkit-bridge.service"
CATCH_ALL = "catch_all"
METRICS = Path("/run/listkit-bridge/metrics.prom")
STALE_SECONDS = 60
"""The bridge writes its metrics every few seconds."""
RESTART = f"`systemctl restart {UNIT}`"
_REPLAY = "read them in the mailbox; `listkit repost MESSAGE-ID` has Mailman get one, as the folder Replay does"


@dataclass(frozen=True)
class Metrics:
    """The bridge's metrics: each value by its name and labels."""

    values: dict[tuple[str, frozenset[tuple[str, str]]], float]

    @classmethod
    def parse(cls, text: str) -> Metrics:
        """Read the text format of Prometheus."""
        values = {}
        for name, labels, value in re.findall(r"^listkit_bridge_(\w+)(?:\{(.*)\})? (\S+)$", text, re.MULTILINE):
            values[name, frozenset(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels))] = float(value)
        return cls(values)

    def is_set(self, name: str, mailbox: str) -> bool:
        """Whether a gauge of a mailbox is 1."""
        return self.values.get((name, frozenset({("mailbox", mailbox)}))) == 1

    def by_folder(self, name: str) -> dict[str, list[float]]:
        """The values of a metric in all mailboxes, by folder."""
        found: dict[str, list[float]] = {}
        for (metric, labels), value in self.values.items():
            if metric == name:
                found.setdefault(dict(labels).get("folder", ""), []).append(value)
        return found


def checks(settings: Settings) -> list[Check]:
    """Return the checks; the setting `catch_all` is for `listkit check --round-trip`."""
    settings.own.ignore(CATCH_ALL)
    return [
        Check("DNS", check_dns),
        *([] if unfinished.standing_by() else [Check("incoming mail", check_incoming)]),
        Check("set aside messages", check_set_aside),
    ]


def check_dns(configuration: Path = CONFIGURATION) -> Iterator[Finding]:
    """The name of the mail service has an address. Open connections hide for hours that it has none any more."""
    host = load_without_passwords(configuration).mailboxes[0].host
    # In a process of its own: glibc reads RES_OPTIONS once, and a lookup without an answer would take 20 s.
    answer = subprocess.run(
        ["getent", "ahosts", host],
        env={**os.environ, "RES_OPTIONS": "timeout:1 attempts:2"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    if answer.returncode == 0:
        yield Finding.ok("DNS", f"{host} has the address {answer.stdout.split()[0]}")
    else:
        seen = f"no address for {host}: the name server does not answer, or does not know the name"
        remedy = f"correct the name servers in /etc/resolv.conf; `getent ahosts {host}` tests them"
        yield Finding.critical("DNS", seen, remedy)


def check_incoming(metrics: Path = METRICS, configuration: Path = CONFIGURATION) -> Iterator[Finding]:
    """The bridge runs, and is logged in to every mailbox."""
    name = "incoming mail"
    try:
        age = time.time() - metrics.stat().st_mtime
        current = Metrics.parse(metrics.read_text())
    except FileNotFoundError:
        seen = with_last_log_line("the bridge does not run; incoming mail waits in the mailboxes", UNIT)
        yield Finding.critical(name, seen, RESTART)
        return
    if age > STALE_SECONDS:
        seen = with_last_log_line(f"no progress for {age:.0f} s; incoming mail waits in the mailboxes", UNIT)
        yield Finding.critical(name, seen, RESTART)
        return
    mailboxes = [mailbox.account for mailbox in load_without_passwords(configuration).mailboxes]
    away = [mailbox for mailbox in mailboxes if not current.is_set("up", mailbox)]
    for mailbox in away:
        yield _not_logged_in(mailbox, current)
    if not away:
        yield Finding.ok(name, f"logged in to {', '.join(mailboxes)}")


def _not_logged_in(mailbox: str, metrics: Metrics) -> Finding:
    name = "incoming mail"
    if metrics.is_set("login_refused", mailbox):
        seen = f"the mail service refuses the password of {mailbox}"
        return Finding.critical(name, seen, f"correct mail_password in your settings, then {PLAYBOOK}")
    if metrics.is_set("certificate_refused", mailbox):
        seen = f"the certificate of the mail service is not valid, so the bridge does not log in to {mailbox}"
        remedy = f"correct mail_host in your settings, or remove the proxy in between; then {RESTART}"
        return Finding.critical(name, seen, remedy)
    seen = with_last_log_line(f"not logged in to {mailbox}", UNIT)
    return Finding.critical(name, seen, f"see that this host reaches the mail service; then {RESTART}")


def check_set_aside(metrics: Path = METRICS) -> Iterator[Finding]:
    """No message lies in the folder Failed; what lies in the others has been reported to those whom it concerns."""
    name = "set aside messages"
    try:
        current = Metrics.parse(metrics.read_text())
    except FileNotFoundError:
        return  # the finding "incoming mail" has it
    counts, oldest = current.by_folder("folder_messages"), current.by_folder("folder_oldest_timestamp_seconds")
    # The other folders that are counted hold no undelivered mail.
    held = {folder: int(sum(counts.get(folder, []))) for folder in oldest}
    seen = "; ".join(
        f"{count} in {folder}, the oldest from {date(min(filter(None, oldest[folder]), default=0))}"
        for folder, count in sorted(held.items())
        if count
    )
    if held.get("Failed"):
        yield Finding.warning(name, f"{seen}: the bridge gave up on those in Failed", _REPLAY)
    elif seen:
        yield Finding.ok(
            name, f"{seen}: the authors or owners were informed. To deliver one after all, move it to the folder Replay"
        )
    else:
        yield Finding.ok(name, "none")
