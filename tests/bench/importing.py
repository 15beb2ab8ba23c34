"""How fast an older archive comes in, beside HyperKitty's own command, and how much slower posts of other lists are.

usage: python3 -m bench.importing [--image kit-trixie] [--messages 3000] [--lab LAB --host HOST]

One host in a lab of its own, and the same messages for three lists: HyperKitty's command and its index, `listkit
archive import`, and the latter again while posts arrive at a fourth list. Root is needed; minutes on two idle cores.
"""

from __future__ import annotations

import secrets
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from bench import hosts
from bench.archive import posts, write_mbox
from bench.deploy import seconds
from deployment import Deployment
from e2e.mailing import MailingList
from e2e.website import MANAGE, WebSite, burst, posts_in_archive, remove_archive

LAB = "bench-import"
MBOX = "/var/lib/mailman3/web/bench-import.mbox"
IMPORT_SECONDS = 7200
LIVE_POSTS = 5
IDLE_SAMPLES = 6
MOST_DELAY_RATIO = 2.0


class Bench:
    """The host, and the lists that were made on it."""

    def __init__(self, deployment: Deployment, host: str, messages: int) -> None:
        self._deployment, self._site, self._messages = deployment, deployment.sites[host], messages
        self._website = WebSite.of(self._site)
        self._made: list[MailingList] = []

    def list(self) -> str:
        """Make a list that anybody may post to; return its address."""
        made = MailingList(self._deployment, self._site, f"bench{secrets.token_hex(3)}")
        made.create()
        made.configure(archive_policy="public", default_nonmember_action="accept", max_num_recipients=0)
        self._made.append(made)
        return made.address

    def remove_lists(self) -> None:
        """Remove the lists and their archives."""
        superuser = self._website.superuser()
        for made in self._made:
            remove_archive(superuser, made.address)
            made.delete()
        self._site.web.run(f"rm -f {MBOX}")

    def write(self) -> None:
        """Write the messages to a file on the host."""
        self._site.web.write(MBOX, write_mbox(posts(self.list(), self._messages)))
        self._site.web.run(f"chown www-data: {MBOX}")

    def theirs(self) -> float:
        """Import and index with HyperKitty's commands; return the messages a second."""
        address = self.list()
        words = f"hyperkitty_import --since=1970-01-01 -l {address} {MBOX}"
        return self._rate(f"{MANAGE} {words} && {MANAGE} update_index_one_list {address}")

    def ours(self) -> float:
        """Import and index with the kit's command; return the messages a second."""
        return self._rate(f"listkit archive import --list {self.list()} {MBOX}")

    def _rate(self, command: str) -> float:
        return self._messages / seconds(lambda: self._site.web.run(command, timeout=IMPORT_SECONDS))

    def delay(self, address: str) -> float:
        """Return the seconds from handing a few posts over until the last of them is in the archive."""
        wanted = posts_in_archive(self._website, address) + LIVE_POSTS
        began = time.monotonic()
        burst(self._website, address, LIVE_POSTS)
        while posts_in_archive(self._website, address) < wanted:
            time.sleep(0.2)
        return time.monotonic() - began

    def delays_during_an_import(self, address: str) -> list[float]:
        """Return the delays of posts to this list while another list's archive comes in."""
        delays = []
        with ThreadPoolExecutor(1) as pool:
            importing = pool.submit(self.ours)
            while not importing.done():
                delays.append(self.delay(address))
            importing.result()
        # Most of the last one may have been after the import.
        return delays[:-1] or delays


def main() -> int:
    """Measure and print; 1 when an import slows other lists too much."""
    options = hosts.parser("bench.importing", __doc__.splitlines()[0], 3000).parse_args()
    with hosts.deployed(options, LAB) as deployment:
        bench = Bench(deployment, options.host, options.messages)
        try:
            bench.write()
            theirs, ours = bench.theirs(), bench.ours()
            other = bench.list()
            idle = statistics.median(bench.delay(other) for _ in range(IDLE_SAMPLES))
            busy = statistics.median(bench.delays_during_an_import(other))
        finally:
            bench.remove_lists()
        print(f"{'import':<40} {'ours':>9} {'stock':>9} {'ratio':>7}")
        print(f"{'messages a second, with the index':<40} {ours:>9.1f} {theirs:>9.1f} {ours / theirs:>7.2f}")
        print(f"{'posts to another list':<40} {'importing':>9} {'idle':>9} {'ratio':>7}")
        print(f"{f'{LIVE_POSTS} posts into the archive, s':<40} {busy:>9.1f} {idle:>9.1f} {busy / idle:>7.2f}")
    return int(busy / idle > MOST_DELAY_RATIO)


if __name__ == "__main__":
    sys.exit(main())
