"""What a deployment costs, beside `apt-get install` of the same packages: time, memory, disk, and how fast a post is.

usage: python3 -m bench.deploy [--image kit-trixie]

Makes two hosts of an image in a lab of its own; `bare` gets the packages in Debian's stock configuration.
Root is needed; both hosts work one after the other, so that they don't share the cores.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench import members, monitoring, outbound, preflight
from deployment import Deployment, Site
from e2e import memory
from infomaniak import compose
from lab import Host

ROOT = Path(__file__).resolve().parents[2]
LAB = "bench"
POSTS = 5
# A deployment does more than to install packages, and may take so many times as long.
MOST_DEPLOY_RATIO = 1.6
MOST_LISTS_SECONDS = 8
"""For a run with `--tags lists`, on a machine that is otherwise idle."""
READER = "reader@strict.test"
DISK_MIB = "du -sxm / | cut -f1"
BARE = """
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq && apt-get install -y -qq --no-install-recommends {packages}
"""


def seconds(action: Callable[[], object]) -> float:
    """How long an action takes."""
    began = time.monotonic()
    action()
    return time.monotonic() - began


def play(deployment: Deployment, host: str, *words: str) -> None:
    """Run the playbook for one host, with more words of the command line; a failure ends the benchmark."""
    command = [ROOT / ".venv/bin/ansible-playbook", "-i", deployment.inventory, "-l", host, "playbook.yml", *words]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(run.stdout[-3000:] + run.stderr[-3000:])


def wanted(host: Host, before: set[str]) -> set[str]:
    """The packages that the roles asked for by name."""
    return set(host.run("apt-mark showmanual").split()) - before


def post(deployment: Deployment, site: Site, number: int) -> float:
    """Seconds from handing a post to the sender's server until the subscriber's server has the copy."""
    subject, author = f"Bench {number} {time.time()}", "author@bank.test"
    began = time.monotonic()
    deployment.stand_in.post(author, site.address("members"), compose(author, site.address("members"), subject))
    deployment.stand_in.wait_for_mail(READER, 60, lambda mail: subject in mail["Subject"])
    return time.monotonic() - began


def main() -> int:
    """Measure, and print one line a figure: ours, the baseline's, and their ratio. 1 when something is too slow."""
    parser = argparse.ArgumentParser(prog="bench.deploy", description=__doc__.splitlines()[0])
    parser.add_argument("--image", default="kit-trixie", help="image of both hosts (default: %(default)s)")
    image = parser.parse_args().image
    deployment = Deployment.up(LAB, {"ours": image, "bare": image})
    site, bare = deployment.sites["ours"], deployment.sites["bare"].host
    empty = float(bare.run(DISK_MIB))
    before = set(site.host.run("apt-mark showmanual").split())

    looks = [seconds(lambda: play(deployment, "ours", *preflight.words(deployment)))]
    first = seconds(lambda: play(deployment, "ours"))
    looks.append(seconds(lambda: play(deployment, "ours", *preflight.words(deployment))))
    again = statistics.median(seconds(lambda: play(deployment, "ours")) for _ in range(3))
    lists = statistics.median(seconds(lambda: play(deployment, "ours", "--tags", "lists")) for _ in range(3))
    install = BARE.format(packages=" ".join(sorted(wanted(site.host, before))))
    stock = seconds(lambda: bare.run(install, timeout=1200))

    site.host.run(
        f"runuser -u list -- mailman addmembers - {site.address('members')}", stdin=f"{READER}\nauthor@bank.test\n"
    )
    latency = statistics.median(post(deployment, site, number) for number in range(POSTS))
    rows = [
        ("deploy, s", first, stock),
        ("second run, s", again, stock),
        ("memory (PSS) in use, MiB", memory.total(site.host), memory.total(bare)),
        ("disk taken, MiB", float(site.host.run(DISK_MIB)) - empty, float(bare.run(DISK_MIB)) - empty),
    ]
    print(f"{image:<28} {'ours':>9} {'bare':>9} {'ratio':>7}")
    for name, ours, theirs in rows:
        print(f"{name:<28} {ours:>9.1f} {theirs:>9.1f} {ours / theirs:>7.2f}")
    print(f"{'post to subscriber, s':<28} {latency:>9.1f}")
    for when, look in zip(("new host", "deployed host"), looks, strict=True):
        print(f"{f'preflight, {when}, s':<28} {look:>9.1f}")
    print(f"{'--tags lists, s':<28} {lists:>9.1f}   at most {MOST_LISTS_SECONDS}")
    for line in (*outbound.report(site, bare), *members.report(site)):
        print(line)
    # Last: other figures are those of a site without it.
    deployment.stand_in.add_list_aliases(site.mailbox, "canary")
    play(deployment, "ours", "-e", json.dumps(monitoring.VARIABLES))
    for line in monitoring.report(site):
        print(line)
    deployment.lab.down()
    too_slow = first / stock > MOST_DEPLOY_RATIO or lists > MOST_LISTS_SECONDS
    return int(too_slow or max(looks) > preflight.MOST_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
