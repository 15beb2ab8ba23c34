"""The faults. Each is a function that makes its trouble while messages flow, and mends it before it returns."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from campaign.stage import Stage
from lab import LabError
from lab.commands import wait_for

_DICE = random.Random()  # noqa: S311 (a test's dice)


@dataclass(frozen=True)
class Fault:
    """A fault by its name, what it does, and the size of the messages that it wants."""

    name: str
    what: str
    act: Callable[[Stage], None]
    octets: int = 100


FAULTS: list[Fault] = []


def fault(what: str, octets: int = 100) -> Callable[[Callable[[Stage], None]], Callable[[Stage], None]]:
    """Enter a function into the list of faults."""

    def enter(act: Callable[[Stage], None]) -> Callable[[Stage], None]:
        FAULTS.append(Fault(act.__name__.replace("_", "-"), what, act, octets))
        return act

    return enter


def while_flowing(stage: Stage, least: float, most: float, times: int) -> Iterator[None]:
    """Come round at random moments while messages are put into the mailbox, at least once and so often at most."""
    for number in range(times):
        time.sleep(_DICE.uniform(least, most))
        if number and not stage.injecting:
            return
        yield


@fault("nothing")
def none(_stage: Stage) -> None:
    pass


@fault("kill -9 of the bridge at random moments")
def kill_bridge(stage: Stage) -> None:
    for _ in while_flowing(stage, 0.5, 4, 30):
        stage.host.run("systemctl kill --signal=KILL listkit-bridge.service")


def _until_all_are_there(stage: Stage) -> None:
    wait_for(lambda: not stage.injecting, "the last message", 1800, every=1)


def _with_proxy(stage: Stage, mode: str, until: Callable[[], None]) -> None:
    """Have the LMTP proxy break something until a condition holds. Raises `LabError` when nothing was hit."""
    before = stage.hits()
    stage.mode(mode)
    try:
        until()
        wait_for(lambda: stage.hits() > before, f"the proxy to break something: {mode}", 120, every=1)
    finally:
        stage.mode("pass")


@fault("kill -9 of the bridge between Mailman's 250 and the bridge's record")
def kill_in_window(stage: Stage) -> None:
    _with_proxy(stage, "kill-bridge 0.1", lambda: _until_all_are_there(stage))


@fault("Mailman's 250 lost on the way")
def lose_250(stage: Stage) -> None:
    _with_proxy(stage, "lose-250 0.2", lambda: _until_all_are_there(stage))


@fault("LMTP cut in the middle of DATA")
def cut_data(stage: Stage) -> None:
    _with_proxy(stage, "cut-data 0.2", lambda: _until_all_are_there(stage))


@fault("Mailman answers 451")
def answer_451(stage: Stage) -> None:
    _with_proxy(stage, "answer 451 4.3.0 not now", lambda: _until_all_are_there(stage))


@fault("Mailman answers 550 although the list exists")
def answer_550(stage: Stage) -> None:
    # The bridge doubts it five times, and then it is no longer a mistake.
    _with_proxy(stage, "answer 550 Requested action not taken: mailbox unavailable", lambda: time.sleep(10))


@fault("kill -9 of all of Mailman")
def kill_mailman(stage: Stage) -> None:
    for _ in while_flowing(stage, 3, 8, 8):
        stage.host.run("systemctl kill --signal=KILL mailman3.service")
        time.sleep(1)
        stage.host.run("systemctl reset-failed mailman3.service; systemctl start mailman3.service")


@fault("kill -9 of Dovecot")
def kill_dovecot(stage: Stage) -> None:
    for _ in while_flowing(stage, 2, 6, 10):
        stage.service.run("systemctl kill --signal=KILL dovecot.service; sleep 0.5; systemctl restart dovecot.service")


def _cut(stage: Stage, seconds: float) -> None:
    stage.host.cut()
    try:
        time.sleep(seconds)
    finally:
        stage.host.mend()


@fault("network cut for 1 s, again and again", octets=20_000)
def cut_1_s(stage: Stage) -> None:
    for _ in while_flowing(stage, 1, 4, 30):
        _cut(stage, 1)


@fault("IMAP cut, or silent, in the middle of FETCH", octets=60_000)
def cut_fetch(stage: Stage) -> None:
    with stage.imap_proxy(0.05) as broken:
        _until_all_are_there(stage)
        # What is still in the mailbox is fetched through the proxy, too.
        wait_for(lambda: not stage.waiting(), "the mailbox to be empty", 1200, every=2)
        if "cut" not in broken():
            raise LabError("no FETCH was cut in its middle")


@fault("network cut for 60 s")
def cut_60_s(stage: Stage) -> None:
    for _ in while_flowing(stage, 2, 3, 1):
        _cut(stage, 60)


_SMALL_DISK = """
systemctl stop mailman3
cp -a /var/lib/mailman3 /run/campaign-mailman
mount -t tmpfs -o size=$(( $(du -sm /var/lib/mailman3 | cut -f1) + 8 ))m tmpfs /var/lib/mailman3
cp -a /run/campaign-mailman/. /var/lib/mailman3/
systemctl start mailman3
sleep 3
head -c 1G /dev/zero > /var/lib/mailman3/campaign-filler || true # it ends when the disk is full: that is the aim
"""
_LARGE_DISK = """
rm -f /var/lib/mailman3/campaign-filler
sleep 20
systemctl stop mailman3
rm -rf /run/campaign-mailman
cp -a /var/lib/mailman3 /run/campaign-mailman
umount /var/lib/mailman3
rm -rf /var/lib/mailman3/queue
cp -a /run/campaign-mailman/. /var/lib/mailman3/
rm -rf /run/campaign-mailman
systemctl start mailman3
"""


@fault("disk full under Mailman for 20 s")
def disk_full(stage: Stage) -> None:
    stage.host.run(_SMALL_DISK)
    try:
        time.sleep(20)
    finally:
        stage.host.run(_LARGE_DISK)


@fault("wrong password for ten minutes (or as long as --hold), at most 10 logins in an hour")
def wrong_password(stage: Stage) -> None:
    mailbox = stage.site.mailbox
    before, began = stage.refused_logins(), time.time()
    stage.stand_in.control("mailbox", mailbox.login, stdin="another-password")
    # Open sessions would go on for ever.
    stage.service.run(f"doveadm kick {mailbox.login}")
    time.sleep(stage.hold_seconds)
    said = stage.host.run(f"journalctl --quiet -u listkit-bridge --since @{began:.0f}")
    figures = stage.host.run("cat /run/listkit-bridge/metrics.prom")
    stage.stand_in.control("mailbox", mailbox.login, stdin=mailbox.password)
    if "refused the login" not in said or "Check the device password" not in said:
        raise LabError(f"the bridge doesn't say plainly that its login is refused:\n{said}")
    if f'listkit_bridge_login_refused{{mailbox="{mailbox.login}"}} 1' not in figures:
        raise LabError(f"the metrics don't tell that the login is refused:\n{figures}")
    refused = stage.refused_logins() - before
    if not 1 <= refused <= 10:
        raise LabError(f"the bridge tried to log in {refused} times in {stage.hold_seconds:g} s")


_CLOCK = "/run/campaign-clock"
_CLOCK_DROP_IN = "/run/systemd/system/listkit-bridge.service.d/campaign.conf"


@fault("the bridge's clock set back an hour")
def clock_back(stage: Stage) -> None:
    # Linux can't shift the clock of one container: libfaketime gives the bridge one of its own, which this file sets.
    stage.host.run("DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends faketime >/dev/null")
    stage.host.write(_CLOCK, "+0")
    library = stage.host.run("dpkg -L libfaketime | grep -m1 'libfaketime.so.1$'").strip()
    environment = f"LD_PRELOAD={library} FAKETIME_TIMESTAMP_FILE={_CLOCK} FAKETIME_NO_CACHE=1 DONT_FAKE_MONOTONIC=1"
    stage.host.write(_CLOCK_DROP_IN, f"[Service]\nEnvironment={environment}\n")
    stage.host.run("systemctl daemon-reload; systemctl restart listkit-bridge")
    try:
        for _ in while_flowing(stage, 2, 3, 1):
            pass
        set_back = time.time() - 3600
        dated_so = stage.recorded(set_back, set_back + 600)
        stage.host.write(_CLOCK, "-1h")
        wait_for(
            lambda: stage.recorded(set_back, set_back + 600) > dated_so, "a delivery dated an hour ago", 120, every=2
        )
        _until_all_are_there(stage)
    finally:
        stage.host.run(f"rm {_CLOCK_DROP_IN}; systemctl daemon-reload; systemctl restart listkit-bridge")
        stage.host.run("apt-get purge -qq -y faketime libfaketime >/dev/null")


@fault("the host rebooted in mid-flow")
def reboot(stage: Stage) -> None:
    time.sleep(3)
    stage.host.reboot()
    stage.mode("pass")
    stage.start_proxy()


@fault("every process of the host killed in mid-flow, and the host booted again")
def kill_host(stage: Stage) -> None:
    time.sleep(3)
    stage.host.kill()
    stage.lab.start(stage.host.name)
    stage.host.wait()
    stage.mode("pass")
    stage.start_proxy()
