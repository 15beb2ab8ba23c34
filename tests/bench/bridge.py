"""How fast mail gets from the mailbox to Mailman: the bridge beside fetchmail, in one run.

fetchmail has the reference kit's settings.
usage: python3 -m bench.bridge [--lab LAB --site HOST] [--messages N]

Deploys a host in a lab of its own, or takes one that `make molecule` or `make demo` left; root is needed. fetchmail is
installed on the host, and removed. Both read the same mailbox in turn and hand over to the same Mailman. All hosts of a
lab share one clock.

A mail server takes its time before it tells an idling client of a new message, and no client can be faster than that:
Dovecot 0.5 s (`NOTIFY_DELAY_MSECS`, a constant), unless its idling connections hibernate (`imap_hibernate_timeout`, as
large services have it); then it tells at once. Both are measured. A proxy in front of the IMAP server sees when it
tells, so the share of the server and that of the client are measured by themselves.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

from bench.deploy import LAB, play
from campaign.stage import Stage
from deployment import MAIL_PASSWORD, Deployment

PATIENCE_SECONDS = 330
# The bridge's own limits: to Mailman's 250, from the server's notification or at a server that tells at once; and from
# the end of a cut.
MOST_SECONDS, MOST_SECONDS_AFTER_CUT = 0.5, 15
# Between two messages; enough for the stand-in's idling connections to hibernate, which takes two seconds.
GAP_SECONDS, HIBERNATING_GAP_SECONDS = 2, 6
WHAT = (
    "median latency with IDLE, where connections hibernate",
    "median latency with IDLE, where they don't",
    "of it the server's, until it tells",
    "of it the client's, from then on",
    "flowing again after a 10 s network cut",
    "flowing again after a dropped connection",
)
FETCHMAIL = "bench-fetchmail"
RCFILE = "/run/bench-fetchmailrc"
FETCHMAILRC = """
set daemon 300
poll mail.infomaniak.com protocol IMAP port 993 envelope "Delivered-To" localdomains {domain}:
  user "{account}" there with password "{password}" is * here
  smtphost 127.0.0.1/8025 lmtp ssl sslcertck sslcertfile /etc/ssl/certs/ca-certificates.crt idle fetchall
"""


class Race:
    """One of the two, at work on the stage."""

    def __init__(self, stage: Stage, name: str, said: Callable[[], str]) -> None:
        """said: what the proxy in front of the IMAP server has logged."""
        self._stage = stage
        self._name = name
        self._said = said
        self._round = 0

    def latency(self, messages: int, gap_seconds: float = GAP_SECONDS) -> tuple[float, float, float]:
        """Median seconds from the mailbox to Mailman's 250; to the server's notification; from that to the 250."""
        ways = self._run(messages, seconds=gap_seconds * messages)
        told = [float(line.split()[1]) for line in self._said().splitlines() if line.startswith("told ")]
        tellings = [max((at for at in told if put < at < taken), default=taken) for put, taken in ways]
        return (
            statistics.median(taken - put for put, taken in ways),
            statistics.median(at - put for at, (put, _) in zip(tellings, ways, strict=True)),
            statistics.median(taken - at for at, (_, taken) in zip(tellings, ways, strict=True)),
        )

    def after_cut(self) -> float:
        """Seconds from the end of a network cut of 10 s until a message that arrived meanwhile is through."""
        began = time.monotonic()
        self._stage.host.cut()
        try:
            token = self._inject(1, 0)
            time.sleep(max(0.0, 10 - (time.monotonic() - began)))
        finally:
            self._stage.host.mend()
        mended = time.time()
        return max(0.0, max(self._taken(token, 1)) - mended)

    def after_drop(self) -> float:
        """Seconds until a message is through that arrives right after the server has dropped the connection."""
        self._stage.service.run(f"doveadm kick {self._stage.site.mailbox.login}")
        return max(taken - put for put, taken in self._run(1, seconds=0))

    def _run(self, messages: int, seconds: float) -> list[tuple[float, float]]:
        """When each message was put into the mailbox, and when Mailman took it."""
        token = self._inject(messages, seconds)
        taken = self._taken(token, messages)
        put = self._log(self._stage.service, "injected", token)
        return list(zip(sorted(put), sorted(taken), strict=True))

    def _inject(self, messages: int, seconds: float) -> str:
        self._round += 1
        token = f"bench-{self._name}-{self._round}-{int(time.time())}"
        self._stage.inject(token, messages, seconds)
        return token

    def _taken(self, token: str, messages: int) -> list[float]:
        deadline = time.monotonic() + PATIENCE_SECONDS + messages
        while len(taken := self._log(self._stage.host, "taken", token)) < messages:
            if time.monotonic() > deadline:
                return [*taken, *[time.time()] * (messages - len(taken))]
            time.sleep(0.5)
        return taken

    def _log(self, host, name: str, token: str) -> list[float]:
        lines = host.try_run(f"grep -F '<{token}-' /run/campaign-{name}").stdout.splitlines()
        first = {line.split()[1]: float(line.split()[0]) for line in reversed(lines)}
        return list(first.values())


def measure(stage: Stage, name: str, client: str, messages: int) -> list[float]:
    """What `WHAT` says; client: the unit that reads the mailbox."""
    with stage.imap_proxy(client=client) as said:
        race = Race(stage, name, said)
        race.latency(1)  # warm
        latency = race.latency(messages)
        stage.stand_in.set("idle", "hibernate")
        race.latency(1)
        hibernating, _, _ = race.latency(messages, HIBERNATING_GAP_SECONDS)
        stage.stand_in.set("idle", "on")
    race.latency(1)  # connected again
    return [hibernating, *latency, race.after_cut(), race.after_drop()]


def with_fetchmail(stage: Stage, work: Callable[[], list[float]]) -> list[float]:
    """Do the work while fetchmail stands in for the bridge."""
    values = {"domain": stage.site.domain, "account": stage.site.mailbox.login, "password": MAIL_PASSWORD}
    stage.host.run("DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends fetchmail >/dev/null")
    stage.host.write(RCFILE, FETCHMAILRC.format(**values), mode="0600")
    stage.host.run("systemctl stop listkit-bridge")
    stage.host.run(
        f"systemd-run --unit={FETCHMAIL} --collect --setenv=FETCHMAILHOME=/run"
        f" fetchmail --fetchmailrc {RCFILE} --nodetach --nosyslog"
    )
    try:
        return work()
    finally:
        stage.host.run(f"systemctl stop {FETCHMAIL}; rm -f {RCFILE}; systemctl start listkit-bridge")
        stage.host.run("apt-get purge -qq -y fetchmail >/dev/null")


def main() -> int:
    """Print the table; 1 when the bridge misses its own limits."""
    parser = argparse.ArgumentParser(prog="bench.bridge")
    parser.add_argument("--lab", help="the lab of a deployment (default: one is made, and taken down)")
    parser.add_argument("--site", default="trixie", help="the deployed host (default: %(default)s)")
    parser.add_argument("--messages", type=int, default=20, help="messages for the latency (default: %(default)s)")
    arguments = parser.parse_args()
    if arguments.lab:
        deployment = Deployment.load(arguments.lab)
    else:
        deployment = Deployment.up(LAB, {arguments.site: "kit-trixie"})
        play(deployment, arguments.site)
    with Stage(deployment, arguments.site) as stage:
        ours = measure(stage, "bridge", "listkit-bridge", arguments.messages)
        theirs = with_fetchmail(stage, lambda: measure(stage, "fetchmail", FETCHMAIL, arguments.messages))
    if not arguments.lab:
        deployment.lab.down()
    print("| mailbox → accepted by Mailman | bridge | fetchmail | ratio |\n|---|---|---|---|")
    for what, our, their in zip(WHAT, ours, theirs, strict=True):
        print(f"| {what} | {our:.3f} s | {their:.3f} s | {our / their if their else 1:.2f} |")
    hibernating, _, _, own, after_cut, _ = ours
    return int(max(hibernating, own) >= MOST_SECONDS or after_cut >= MOST_SECONDS_AFTER_CUT)


if __name__ == "__main__":
    sys.exit(main())
