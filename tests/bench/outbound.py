"""The outbound budget at the size of 10,000 members on ten accounts, as ratios of things measured in one run.

The plan and the arithmetic, against the same with one list; handing one post over to the relay of a deployed host
in messages of 100, against Debian's default: messages of 10, to the Postfix that its packages install; and what
the controller of ten accounts needs to know that queue. `bench.deploy` has both hosts, and prints this at its end.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

from ansible_collections.listkit.kit.plugins.plugin_utils.accounts import Rules, plan

from deployment import Site
from lab import Host
from listkit.budget.schedule import InDelivery, Waiting, next_message
from listkit.budget.window import Charge, Limits

MEMBERS, ACCOUNTS, LISTS = 10_000, 10, 50
LIMITS = Limits(1440, 100, 86_400, 57)
HAND_OVER = """
import smtplib, sys, time
size, members, domain = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
text = f"From: b@{domain}\\r\\nList-Post: <mailto:b@{domain}>\\r\\n\\r\\n" + "x" * 5000 + "\\r\\n"
began = time.perf_counter()
with smtplib.SMTP("127.0.0.1") as client:
    for start in range(0, members, size):
        sender = f"l{start * 10 // members}-bounces@{domain}"
        client.sendmail(sender, [f"m{n}@x.test" for n in range(start, start + size)], text)
print(time.perf_counter() - began)
"""
# The accounts pause, so that the turns do all but release.
LOOK = """
import json, pathlib, resource, sys, tempfile, time
sys.path.insert(0, "/usr/local/lib/listkit/listkit.pyz")
from listkit.budget.accounts import Account, Site
from listkit.budget.ledger import Ledger, Pause
from listkit.budget.postfix import Queue
from listkit.budget.replies import RefusalReason
from listkit.budget.service import publish
from listkit.budget.controller import QueueController
from listkit.budget.answers import AnswerLimits
from listkit.budget.window import Limits
domain, limits = sys.argv[1], Limits(1440, 100, 86400, 57)
accounts = tuple(Account(f"m{n}@{domain}", limits, {f"l{n}@{domain}": 1000}) for n in range(10))
status = pathlib.Path(tempfile.mkdtemp(), "status.json")
ledger = Ledger(status.with_name("ledger"))
for account in accounts:
    ledger.pause(Pause(account.address, RefusalReason.BAN, "", 0, time.time() + 86400, 1))
controller = QueueController(Site(accounts, (domain,), ("bounces",), 432000, AnswerLimits(2, 10)), Queue(), ledger)
def look():
    began = time.perf_counter()
    controller.run_cycle(time.time())
    publish(controller, status, time.time())
    return time.perf_counter() - began
first, further = look(), look()
queued = [account["queued_recipients"] for account in json.loads(status.read_text())["accounts"]]
print(json.dumps([first, further, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, queued]))
"""


def report(site: Site, bare: Host) -> Iterator[str]:
    """Yield the lines of the report. Empties the queues of both hosts."""
    yield from arithmetic()
    yield from hand_over(site, bare)


def arithmetic() -> Iterator[str]:
    """The plan and one decision of the controller, at full size and at the smallest."""
    accounts = [{"address": f"mailman{number}@example.org"} for number in range(ACCOUNTS)]
    lists = [
        {"name": f"l{number}", "expected_members": MEMBERS // LISTS, "posts_per_day": 1} for number in range(LISTS)
    ]
    rules = Rules("example.org")
    full, small = timed(lambda: plan(accounts, lists, rules)), timed(lambda: plan(accounts[:1], lists[:1], rules))
    yield ratio("plan: 50 lists on 10 accounts / 1 on 1", full, small)
    yield f"  a plan at full size takes {full * 1000:.2f} ms"
    waiting = [Waiting(f"{number:05}", f"l{number % LISTS}", 100, False) for number in range(1000)]
    charges = [Charge(1, f"l{number % LISTS}", False, float(number)) for number in range(1340)]

    def decide(messages: list[Waiting], history: list[Charge]) -> Callable[[], object]:
        return lambda: next_message(messages, history, LIMITS, InDelivery(), None, 1340.0)

    full, small = timed(decide(waiting, charges)), timed(decide(waiting[:1], charges[:1]))
    yield ratio("decision: 1,000 waiting and a window of 1,340 charges / 1 and 1", full, small)
    yield f"  a decision at full size takes {full * 1000:.2f} ms; a day of ten accounts has 134 of them"


def hand_over(site: Site, bare: Host) -> Iterator[str]:
    """One post to 10,000 members, in tens and in hundreds, and a cycle over the queue of ten accounts."""
    ours = site.host
    ours.run("systemctl stop listkit-budget; postsuper -d ALL")
    # It has nobody to deliver to: what would be a bounce for each of the messages is to stay in the queue.
    bare.run("postconf -e inet_interfaces=loopback-only defer_transports=smtp && systemctl restart postfix")
    try:
        _, idle, little, _ = look(site)
        stock, here = (_seconds_to_hand_over(host, size, site.domain) for host, size in ((bare, 10), (ours, 100)))
        first, further, memory, queued = look(site)
        assert queued == [MEMBERS / ACCOUNTS] * ACCOUNTS, f"recipients on hold, by account: {queued}"
        yield ratio("transactions for one post, Debian's default / ours", _messages(bare), _messages(ours))
        yield ratio("seconds to hand over one post, Debian's default / ours", stock, here)
        yield f"  {stock:.2f} s and {here:.2f} s"
        yield ratio("controller's memory with one post of 10,000 on hold / with nothing", memory, little)
        yield ratio("seconds of a turn with it / with nothing", further, idle)
        yield f"  first turn {first:.3f} s, each further one {further * 1000:.1f} ms, {memory:.0f} MiB"
    finally:
        ours.run("postsuper -d ALL; systemctl start listkit-budget")
        bare.run("postsuper -d ALL")


def look(site: Site) -> tuple[float, float, float, list[int]]:
    """A cycle of ten accounts over a host's queue: seconds at first and again, MiB, recipients by account."""
    first, further, memory, queued = json.loads(site.host.run(f"python3 - {site.domain}", stdin=LOOK))
    return first, further, memory, queued


def _seconds_to_hand_over(host: Host, size: int, domain: str) -> float:
    return float(host.run(f"python3 - {size} {MEMBERS} {domain}", stdin=HAND_OVER))


def _messages(host: Host) -> int:
    """How many messages Postfix has made of what it was handed."""
    return int(host.run("postqueue -j | wc -l"))


def timed(work: Callable[[], object]) -> float:
    """The best of many runs, in seconds."""
    return min(_once(work) for _ in range(20))


def _once(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ratio(what: str, ours: float, base: float) -> str:
    """One line of the report."""
    return f"{what}: {ours / base:.1f}"
