"""The outbound budget at the size of 10,000 members on ten accounts, as ratios of things measured in one run.

usage: python3 -m bench.outbound [--lab LAB --host HOST]

Without a lab: the plan and the arithmetic, against the same with one list. With one: handing one post over to the
relay of a deployed host as Mailman does by default in Debian (10 recipients a message) and here (100), and what
the valve needs to know the queue. Empties the queue of that host. Needs src, tests and collections on PYTHONPATH.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator

from ansible_collections.lists.mailman3.plugins.module_utils.accounts import Rules, plan

from lab import Lab
from listkit.budget.schedule import OnTheWay, Waiting, choose
from listkit.budget.window import Charge, Limits

MEMBERS, ACCOUNTS, LISTS = 10_000, 10, 50
LIMITS = Limits(1440, 100, 86_400)
HAND_OVER = """
import smtplib, sys, time
size, members = int(sys.argv[1]), int(sys.argv[2])
text = "From: b@example.org\\r\\nList-Post: <mailto:b@example.org>\\r\\n\\r\\n" + "x" * 5000 + "\\r\\n"
began = time.perf_counter()
with smtplib.SMTP("127.0.0.1") as client:
    for start in range(0, members, size):
        client.sendmail("b-bounces@example.org", [f"m{n}@x.test" for n in range(start, start + size)], text)
print(time.perf_counter() - began)
"""
LOOK = """
import json, resource, sys, time
sys.path.insert(0, "/usr/local/lib/listkit/listkit.pyz")
from listkit.budget import accounts
from listkit.budget.ledger import Ledger
from listkit.budget.postfix import Queue
from listkit.budget.valve import Valve
site = accounts.load()
valve = Valve(site, Queue(), Ledger(":memory:"))
began = time.perf_counter()
valve._look_at_held(valve.queue.places())
first = time.perf_counter() - began
began = time.perf_counter()
valve._look_at_held(valve.queue.places())
print(json.dumps([first, time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def main() -> int:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lab")
    parser.add_argument("--host", default="mailman")
    arguments = parser.parse_args()
    for line in arithmetic():
        print(line)
    if arguments.lab:
        for line in hand_over(Lab.load(arguments.lab).host(arguments.host)):
            print(line)
    return 0


def arithmetic() -> Iterator[str]:
    """The plan and one decision of the valve, at full size and at the smallest."""
    accounts = [{"address": f"mailman{number}@example.org"} for number in range(ACCOUNTS)]
    lists = [{"name": f"l{number}", "members": MEMBERS // LISTS, "posts_per_day": 1} for number in range(LISTS)]
    rules = Rules("example.org")
    yield ratio("plan: 50 lists on 10 accounts / 1 on 1", timed(lambda: plan(accounts, lists, rules)),
                timed(lambda: plan(accounts[:1], lists[:1], rules)))  # fmt: skip
    waiting = [Waiting(f"{number:05}", f"l{number % LISTS}", 100, False) for number in range(1000)]
    charges = [Charge(1, f"l{number % LISTS}", False, float(number)) for number in range(1340)]

    def decide(messages: list[Waiting], history: list[Charge]) -> Callable[[], object]:
        return lambda: choose(messages, history, LIMITS, OnTheWay(), False, 1340.0)

    full, small = timed(decide(waiting, charges)), timed(decide(waiting[:1], charges[:1]))
    yield ratio("decision: 1,000 waiting and a window of 1,340 charges / 1 and 1", full, small)
    yield f"  a decision at full size takes {full * 1000:.2f} ms; a day of ten accounts has 134 of them"
    yield f"  memory of all of this: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB at most"


def hand_over(host) -> Iterator[str]:
    """One post to 10,000 members, in tens and in hundreds, and the valve's first look at each queue."""
    host.run("systemctl stop listkit-budget; postsuper -d ALL")
    try:
        seconds, looks = {}, {}
        empty = json.loads(host.run("python3 -", stdin=LOOK))
        for size in (10, 100):
            host.write("/run/bench-hand-over.py", HAND_OVER)
            seconds[size] = float(host.run(f"python3 /run/bench-hand-over.py {size} {MEMBERS}"))
            looks[size] = json.loads(host.run("python3 -", stdin=LOOK))
            host.run("postsuper -d ALL")
        yield ratio("transactions for one post, Debian's default / ours", MEMBERS / 10, MEMBERS / 100)
        yield ratio("seconds to hand over one post, Debian's default / ours", seconds[10], seconds[100])
        yield f"  {seconds[10]:.2f} s and {seconds[100]:.2f} s"
        yield ratio("valve's first look at one post of 10,000, Debian's default / ours", looks[10][0], looks[100][0])
        yield ratio("valve's memory with one post of 10,000 on hold / with nothing", looks[100][2], empty[2])
        first, further, memory = looks[100]
        yield f"  first look {first:.3f} s, each further one {further * 1000:.1f} ms, {memory:.0f} MiB"
    finally:
        host.run("rm -f /run/bench-hand-over.py; systemctl start listkit-budget")


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


if __name__ == "__main__":
    sys.exit(main())
