"""Many visitors at once who follow links without end, each from an address of its own."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from deployment import Site
from lab import Host

PAUSE_SECONDS = 0.05
"""Between an answer and the next question: what the way through the internet takes at least."""

# Each client asks for pages that nobody has asked for: what is asked twice may come from a cache.
_CRAWL = """
import collections, http.client, ipaddress, itertools, json, socket, ssl, subprocess, sys, threading, time
server, name, mine = sys.argv[1:4]
clients, seconds, pause = int(sys.argv[4]), float(sys.argv[5]), float(sys.argv[6])
pages = json.load(sys.stdin)
first = int(ipaddress.ip_address(mine)) + 0xC00
addresses = [str(ipaddress.ip_address(first + number)) for number in range(clients)]
def ip(what, *words):
    for address in addresses:
        subprocess.run(["ip", "-6", "address", what, f"{address}/128", "dev", "eth0", *words], check=True)
# Without a preferred lifetime nothing else on the host uses them.
ip("replace", "nodad", "preferred_lft", "0")
context = ssl._create_unverified_context()
numbers, answers, end = itertools.count(), collections.Counter(), time.monotonic() + seconds

class Connection(http.client.HTTPSConnection):
    def connect(self):
        plain = socket.create_connection((server, 443), self.timeout, self.source_address)
        self.sock = self._context.wrap_socket(plain, server_hostname=name)

def crawl(address):
    connection = Connection(name, timeout=30, source_address=(address, 0), context=context)
    while time.monotonic() < end:
        number = next(numbers)
        page = pages[number % len(pages)]
        try:
            connection.request("GET", page + ("&" if "?" in page else "?") + f"crawl={number}")
            answer = connection.getresponse()
            answer.read()
            answers[str(answer.status)] += 1
        except OSError as error:
            answers[type(error).__name__] += 1
            connection.close()
        time.sleep(pause)

threads = [threading.Thread(target=crawl, args=(address,)) for address in addresses]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
ip("delete")
print(json.dumps(answers))
"""


class Crawl:
    """A crawl under way; `answers` waits for its end."""

    def __init__(self, running: Future) -> None:
        self._running = running

    @property
    def running(self) -> bool:
        """Whether the clients are still at it."""
        return not self._running.done()

    def answers(self) -> dict[str, int]:
        """How often each HTTP status, or error of the connection, was the answer."""
        return json.loads(self._running.result())


@contextmanager
def crawling(site: Site, source: Host, pages: Sequence[str], clients: int, seconds: float) -> Iterator[Crawl]:
    """Have `clients` on the host `source` crawl `pages` (paths) of a site for so long; leave when they are done."""
    words = (site.web.address6, site.fqdn, source.address6, str(clients), str(seconds), str(PAUSE_SECONDS))
    command = shlex.join(["python3", "-c", _CRAWL, *words])
    with ThreadPoolExecutor(1) as pool:
        yield Crawl(pool.submit(source.run, command, json.dumps(list(pages)), seconds + 120))
