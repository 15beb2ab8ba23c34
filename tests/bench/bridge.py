"""How fast mail gets from the mailbox to Mailman: the bridge beside fetchmail, in one run.

fetchmail has the reference kit's settings.
usage: python3 -m bench.bridge --lab LAB --site HOST [--messages N]

Needs a deployment that `make molecule` or `make demo` left; root. fetchmail is installed on the host, and removed.
Both read the same mailbox in turn and hand over to the same Mailman. All hosts of a lab share one clock.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

from campaign.stage import Stage
from deployment import MAIL_PASSWORD, Deployment

LIMIT_SECONDS = 330
# Dovecot holds a notification back for so long (NOTIFY_DELAY_MSECS); nobody who idles can be faster.
DOVECOT_SECONDS = 0.5
RCFILE = "/run/bench-fetchmailrc"
FETCHMAILRC = """
set daemon 300
poll mail.infomaniak.com protocol IMAP port 993 envelope "Delivered-To" localdomains {domain}:
  user "{account}" there with password "{password}" is * here
  smtphost 127.0.0.1/8025 lmtp ssl sslcertck sslcertfile /etc/ssl/certs/ca-certificates.crt idle fetchall
"""


class Race:
    """One of the two, at work on the stage."""

    def __init__(self, stage: Stage, name: str) -> None:
        self._stage = stage
        self._name = name
        self._round = 0

    def latency(self, messages: int) -> float:
        """Median seconds from the mailbox to Mailman's 250."""
        return statistics.median(self._run(messages, seconds=messages))

    def after_cut(self) -> float:
        """Seconds from the end of a network cut of 10 s until a message that arrived meanwhile is through."""
        began = time.monotonic()
        self._stage.host.cut()
        token = self._inject(1, 0)
        time.sleep(max(0.0, 10 - (time.monotonic() - began)))
        self._stage.host.mend()
        mended = time.time()
        return max(0.0, max(self._taken(token, 1)) - mended)

    def after_drop(self) -> float:
        """Seconds until a message is through that arrives right after the server has dropped the connection."""
        self._stage.service.run(f"doveadm kick {self._stage.site.mailbox.login}")
        return max(self._run(1, seconds=0))

    def _run(self, messages: int, seconds: float) -> list[float]:
        token = self._inject(messages, seconds)
        taken = self._taken(token, messages)
        put = self._log(self._stage.service, "injected", token)
        return [at - began for at, began in zip(sorted(taken), sorted(put), strict=True)]

    def _inject(self, messages: int, seconds: float) -> str:
        self._round += 1
        token = f"bench-{self._name}-{self._round}-{int(time.time())}"
        self._stage.inject(token, messages, seconds)
        return token

    def _taken(self, token: str, messages: int) -> list[float]:
        deadline = time.monotonic() + LIMIT_SECONDS + messages
        while len(taken := self._log(self._stage.host, "taken", token)) < messages:
            if time.monotonic() > deadline:
                return [*taken, *[time.time()] * (messages - len(taken))]
            time.sleep(0.5)
        return taken

    def _log(self, host, name: str, token: str) -> list[float]:
        lines = host.run(f"grep -F '<{token}-' /run/campaign-{name} || true").splitlines()  # none is an answer, too
        first = {line.split()[1]: float(line.split()[0]) for line in reversed(lines)}
        return list(first.values())


def measure(stage: Stage, name: str, messages: int) -> list[float]:
    """Latency, seconds after a cut, seconds after a dropped connection."""
    race = Race(stage, name)
    race.latency(1)  # warm
    return [race.latency(messages), race.after_cut(), race.after_drop()]


def with_fetchmail(stage: Stage, work: Callable[[], list[float]]) -> list[float]:
    """Do the work while fetchmail stands in for the bridge."""
    values = {"domain": stage.site.domain, "account": stage.site.mailbox.login, "password": MAIL_PASSWORD}
    stage.host.run("DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends fetchmail >/dev/null")
    stage.host.write(RCFILE, FETCHMAILRC.format(**values), mode="0600")
    stage.host.run("systemctl stop listkit-bridge")
    stage.host.run(
        "systemd-run --unit=bench-fetchmail --collect --setenv=FETCHMAILHOME=/run"
        f" fetchmail --fetchmailrc {RCFILE} --nodetach --nosyslog"
    )
    try:
        return work()
    finally:
        stage.host.run(f"systemctl stop bench-fetchmail; rm -f {RCFILE}; systemctl start listkit-bridge")
        stage.host.run("apt-get purge -qq -y fetchmail >/dev/null")


def main() -> int:
    """Print the table; 1 when the bridge misses its own limits."""
    parser = argparse.ArgumentParser(prog="bench.bridge")
    parser.add_argument("--lab", default="molecule-default")
    parser.add_argument("--site", default="trixie")
    parser.add_argument("--messages", type=int, default=20)
    arguments = parser.parse_args()
    with Stage(Deployment.load(arguments.lab), arguments.site) as stage:
        ours = measure(stage, "bridge", arguments.messages)
        theirs = with_fetchmail(stage, lambda: measure(stage, "fetchmail", arguments.messages))
    print("| mailbox → accepted by Mailman | bridge | fetchmail | ratio |\n|---|---|---|---|")
    for what, our, their in zip(
        (
            "median latency with IDLE",
            "flowing again after a 10 s network cut",
            "flowing again after a dropped connection",
        ),
        ours,
        theirs,
        strict=True,
    ):
        print(f"| {what} | {our:.2f} s | {their:.2f} s | {our / their if their else 1:.2f} |")
    return int(ours[0] >= DOVECOT_SECONDS + 0.5 or ours[1] >= 15)


if __name__ == "__main__":
    sys.exit(main())
