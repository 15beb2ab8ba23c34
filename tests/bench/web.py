"""How the web side serves an archive of 10,000 messages, beside Debian's stock configuration of the same packages.

usage: python3 -m bench.web [--image kit-trixie] [--messages 10000] [--seconds 20] [--lab LAB --host HOST]

One host in a lab of its own and one loaded database: first the kit is measured, then what the packages bring (uwsgi's,
nginx's and PostgreSQL's own configuration, Whoosh as the search). `wrk` on another host of the lab makes the load. A
member's pages come from no cache: those rows compare the rendering. The kit's limits by address are lifted for the
loads, as if every request had another address. Root is needed; about half an hour on two idle cores.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from bench import hosts
from bench.archive import FIRST, posts, words, write_mbox
from bench.deploy import seconds
from deployment import Deployment
from e2e import memory
from e2e.browser import Browser
from e2e.crawler import crawling
from e2e.mailing import MailingList
from e2e.website import MANAGE, WebSite, burst, posts_in_archive
from lab import Host, Lab

LAB, CLIENT = "bench-web", "client"
LIST = "members"
CONNECTIONS = 8
MOST_REQUESTS = 20_000
CRAWLERS, CRAWL_SECONDS = 50, 60
BURST, BURST_LIMIT_SECONDS = 200, 600
SAMPLES = 15

STOCK_INDEX = "/var/lib/mailman3/web/fulltext_index"
MBOX = "/var/lib/mailman3/web/bench.mbox"
QUERY = "runuser -u www-data -- psql -Atq mailman3web"
THREADS = """
select thread_id from hyperkitty_thread thread join hyperkitty_mailinglist list on list.id = thread.mailinglist_id
where list.name = :'list' order by thread.id limit 500;
"""
SESSION = """
from importlib import import_module
from django.conf import settings
from django.contrib.auth import get_user_model
user = get_user_model().objects.get(is_superuser=True)
session = import_module(settings.SESSION_ENGINE).SessionStore()
session.update({"_auth_user_id": str(user.pk), "_auth_user_hash": user.get_session_auth_hash(),
    "_auth_user_backend": "django.contrib.auth.backends.ModelBackend"})
session.save()
print("sessionid=" + session.session_key)
"""
WRK = """
local pages, threads, most = {}, {}, tonumber(os.getenv("MOST"))
for line in io.lines("/run/bench-pages") do pages[#pages + 1] = line end
if os.getenv("COOKIE") ~= "" then wrk.headers["Cookie"] = os.getenv("COOKIE") end
number, refused = 0, 0
function setup(thread) table.insert(threads, thread) end
function request()
    number = number + 1
    return wrk.format("GET", pages[number % #pages + 1])
end
function response(status)
    if status ~= 200 then refused = refused + 1 end
    if number >= most then wrk.thread:stop() end
end
function done(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.timeout
    for _, thread in ipairs(threads) do failed = failed + thread:get("refused") end
    print(string.format('{"requests": %d, "seconds": %f, "p50": %f, "p95": %f, "failed": %d}', summary.requests,
        summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(95) / 1e6, failed))
end
"""
FETCH = """
import ssl, sys, urllib.request
request = urllib.request.Request(sys.argv[1], headers={"Cookie": sys.argv[2]})
print(urllib.request.urlopen(request, context=ssl._create_unverified_context()).read().decode())
"""
CPU = "cat $(pgrep -u www-data,postgres | sed 's|.*|/proc/&/stat|') | awk '{sum += $14 + $15} END {print sum / 100}'"
NGINX = "/etc/nginx/conf.d/listkit.conf"
LIFT = r"/^ *limit_\(req\|conn\) .*listkit_\(guest\|member\)/d"
LIFT_LIMITS = f"sed -i.kit '{LIFT}' {NGINX}; systemctl reload nginx"
SET_LIMITS = f"mv {NGINX}.kit {NGINX}; systemctl reload nginx"

# The package's own sample, with this host's database and core.
STOCK_SETTINGS = """
exec(open("/usr/share/mailman3-web/settings_local.py.sample").read())
DATABASES["default"] = {"ENGINE": "django.db.backends.postgresql", "HOST": "/run/postgresql", "NAME": "mailman3web"}
"""
PUT_KIT_ASIDE = """
set -eu
systemctl stop mailman3-web nginx
install -d -m 700 /var/tmp/kit
mkdir -p /var/log/nginx/mailman3
cp -p /etc/mailman3/mailman-web.py /var/tmp/kit/
mv /etc/systemd/system/mailman3-web.service.d/listkit.conf /var/tmp/kit/mailman3-web.conf
mv /etc/nginx/conf.d/listkit.conf /var/tmp/kit/nginx.conf
mv /etc/postgresql/*/main/conf.d/listkit.conf /var/tmp/kit/postgresql.conf
(cat; sed -n '/^MAILMAN_REST_API_PASS/p' /var/tmp/kit/mailman-web.py) > /etc/mailman3/mailman-web.py
ln -sf /etc/mailman3/nginx.conf /etc/nginx/sites-enabled/mailman3
mkdir -p /var/log/mailman3/web && chown www-data: /var/log/mailman3/web
systemctl daemon-reload
systemctl restart postgresql mailman3
"""
BRING_KIT_BACK = """
systemctl stop mailman3-web nginx
mv /var/tmp/kit/mailman-web.py /etc/mailman3/
mv /var/tmp/kit/mailman3-web.conf /etc/systemd/system/mailman3-web.service.d/listkit.conf
mv /var/tmp/kit/nginx.conf /etc/nginx/conf.d/listkit.conf
for folder in /etc/postgresql/*/main/conf.d; do mv /var/tmp/kit/postgresql.conf $folder/listkit.conf; done
rm -f /etc/nginx/sites-enabled/mailman3
systemctl daemon-reload
systemctl restart postgresql mailman3 mailman3-web nginx
"""


@dataclass(frozen=True)
class Load:
    """What `wrk` counted; times in seconds."""

    requests: int
    seconds: float
    p50: float
    p95: float
    failed: int
    cpu: float
    """What the web application and the database worked for it: it hardly depends on what else the machine does."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


class Bench:
    """The host with the archive, and the host that makes the load."""

    def __init__(self, deployment: Deployment, host: str, client: Host, length: int) -> None:
        self.deployment, self.site, self._client = deployment, deployment.sites[host], client
        self._length = length

    @property
    def host(self) -> Host:
        """The host under load."""
        return self.site.host

    @property
    def list(self) -> str:
        """The address of the list with the archive."""
        return self.site.address(LIST)

    def fill(self, messages: int) -> float:
        """Import the archive, unless it is there, and build the index; return the seconds that took."""
        if int(self.host.run(QUERY, stdin="select count(*) from hyperkitty_email")) >= messages:
            return 0.0
        self.host.write(MBOX, write_mbox(posts(self.list, messages)))
        words = f"hyperkitty_import --since=1970-01-01 -l {self.list} {MBOX}"
        return seconds(
            lambda: self.host.run(
                f"chown www-data: {MBOX}; {MANAGE} {words}; {MANAGE} update_index_one_list {self.list}", timeout=7200
            )
        )

    def pages(self, prefix: str) -> dict[str, list[str]]:
        """The paths of each kind of page."""
        archive = f"{prefix}/hyperkitty/list/{self.list}"
        threads = self.host.run(f"{QUERY} -v list={self.list}", stdin=THREADS).split()
        return {
            "list page": [f"{archive}/{FIRST.year + year}/{month}/" for year in range(9) for month in range(1, 13)],
            "thread page": [f"{archive}/thread/{thread}/" for thread in threads],
            "search": [f"{prefix}/hyperkitty/search?mlist={self.list}&q={word}" for word in words()[50:250]],
        }

    def cookie(self) -> str:
        """The cookie of a logged-in member, for the configuration that is in place."""
        return self.host.run(f"{MANAGE} shell", stdin=SESSION).split("sessionid=")[1].split()[0]

    def load(self, scheme: str, paths: list[str], cookie: str, connections: int = CONNECTIONS) -> Load:
        """Ask for pages as fast as they come, for some seconds."""
        self._client.write("/run/bench-pages", "\n".join(paths) + "\n")
        self._client.write("/run/bench.lua", WRK)
        environment = f"MOST={MOST_REQUESTS} COOKIE={shlex.quote(cookie and 'sessionid=' + cookie)}"
        wrk = f"wrk --threads 1 --connections {connections} --duration {self._length}s --timeout 60s --latency"
        before = self._cpu()
        said = self._client.run(f"{environment} {wrk} --script /run/bench.lua {scheme}://{self.site.fqdn}/")
        return Load(**json.loads(said.splitlines()[-1]), cpu=self._cpu() - before)

    def _cpu(self) -> float:
        """Seconds that the processes of web application and database, which outlive a load, have worked."""
        return float(self.host.run(CPU))

    def side(self, scheme: str, prefix: str) -> tuple[dict[str, Load], dict[str, float]]:
        """The loads of members and guests, and what memory each service then has, in MiB."""
        loads = self.loads(scheme, prefix, "member", self.cookie()) | self.loads(scheme, prefix, "guest", "")
        return loads, memory.by_service(self.host)

    def loads(self, scheme: str, prefix: str, who: str, cookie: str) -> dict[str, Load]:
        """One load for each kind of page; the first requests of each only warm up."""
        found = {}
        pages = self.pages(prefix)
        self._check_search(scheme, pages["search"][0], cookie)
        for kind, paths in pages.items():
            self.load(scheme, paths[:CONNECTIONS], cookie, connections=1)
            found[f"{kind}, {who}"] = self.load(scheme, paths, cookie)
        return found

    def _check_search(self, scheme: str, path: str, cookie: str) -> None:
        """A search that finds nothing is fast, and says nothing."""
        asked = ["python3", "-c", FETCH, f"{scheme}://{self.site.fqdn}{path}", f"sessionid={cookie}"]
        if f"{self.list}/message/" not in self._client.run(shlex.join(asked)):
            raise SystemExit(f"bench.web: {path} finds no message")

    @contextmanager
    def without_limits(self) -> Iterator[None]:
        """The kit as it is when every request comes from another address."""
        self.host.run(LIFT_LIMITS)
        try:
            yield
        finally:
            self.host.run(SET_LIMITS)

    @contextmanager
    def stock(self) -> Iterator[None]:
        """Debian's configuration in the place of the kit's; its index is built first, unless it is there."""
        self.host.run(PUT_KIT_ASIDE, stdin=STOCK_SETTINGS)
        try:
            self.host.run(f"{MANAGE} compress --force", timeout=600)
            # The package comes with an empty folder for it.
            self.host.run(f'[ -n "$(ls {STOCK_INDEX})" ] || ({MANAGE} rebuild_index --noinput)', timeout=7200)
            self.host.run("systemctl start mailman3-web nginx")
            yield
        finally:
            self.host.run(BRING_KIT_BACK)

    # -- the crawl and the burst

    def crawl(self) -> Iterator[tuple[str, float]]:
        """A member's list page without and with a crawl, and how long a post then takes into the archive."""
        pages = [path for paths in self.pages("/mailman3").values() for path in paths]
        superuser = WebSite.of(self.site).superuser()
        yield "member's list page, median s", self._list_page(superuser)
        with crawling(self.site, self.deployment.stand_in.strict, pages, CRAWLERS, CRAWL_SECONDS) as crawl:
            time.sleep(CRAWL_SECONDS / 6)
            yield f"the same, {CRAWLERS} clients crawling", self._list_page(superuser)
            yield "20 posts into the archive, crawling, s", self.burst(20)
            if not crawl.running:
                print("the crawl was over too early: its figures are too good", file=sys.stderr)
            print("answers to the crawl:", crawl.answers())

    def _list_page(self, superuser: Browser) -> float:
        page = f"/mailman3/hyperkitty/list/{self.list}/latest"
        return statistics.median(seconds(lambda: superuser.get(page)) for _ in range(SAMPLES))

    def burst(self, count: int) -> float:
        """Seconds from handing posts over until the last of them is in the archive."""
        website = WebSite.of(self.site)
        wanted = posts_in_archive(website, self.list) + count
        began = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            handing_over = pool.submit(burst, website, self.list, count)
            while posts_in_archive(website, self.list) < wanted and time.monotonic() - began < BURST_LIMIT_SECONDS:
                time.sleep(0.25)
            handing_over.result()
        return time.monotonic() - began


def cpu_ms(load: Load) -> float:
    """Milliseconds of work for a page."""
    return 1000 * load.cpu / max(load.requests, 1)


def table(title: str, rows: dict[str, tuple[float, float]]) -> None:
    """Print ours, the stock configuration's, and their ratio."""
    print(f"{title:<40} {'ours':>9} {'stock':>9} {'ratio':>7}")
    for name, (ours, stock) in rows.items():
        print(f"{name:<40} {ours:>9.2f} {stock:>9.2f} {ours / stock if stock else 0:>7.2f}")


def measure(deployment: Deployment, options: argparse.Namespace) -> None:
    """Measure, and print one table a figure."""
    client = Lab.up(deployment.lab.name, {CLIENT: options.image}).host(CLIENT)
    client.run("apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y wrk > /dev/null")
    bench = Bench(deployment, options.host, client, options.seconds)
    MailingList(deployment, bench.site, LIST).configure(
        archive_policy="public", default_nonmember_action="accept", max_num_recipients=0
    )
    print(f"import and index: {bench.fill(options.messages):.0f} s")
    for name, value in bench.crawl():
        print(f"{name:<40} {value:>9.2f}")
    print(f"{f'{BURST} posts into the archive, s':<40} {bench.burst(BURST):>9.1f}")

    with bench.without_limits():
        ours, memory_ours = bench.side("https", "/mailman3")
    with bench.stock():
        stock, memory_stock = bench.side("http", "")
    table("requests a second", {kind: (load.rate, stock[kind].rate) for kind, load in ours.items()})
    table("p95, s", {kind: (load.p95, stock[kind].p95) for kind, load in ours.items()})
    table("CPU a page, ms", {kind: (cpu_ms(load), cpu_ms(stock[kind])) for kind, load in ours.items()})
    table("answers other than 200", {kind: (load.failed, stock[kind].failed) for kind, load in ours.items()})
    web = {unit for unit in memory_stock | memory_ours if unit.startswith(("mailman3-web", "nginx", "postgresql"))}
    table("memory (PSS), MiB", {unit: (memory_ours.get(unit, 0), memory_stock.get(unit, 0)) for unit in sorted(web)})
    print("PSS by service, ours: " + ", ".join(f"{unit} {size:.0f}" for unit, size in memory_ours.items() if size >= 1))
    print(f"PSS, ours, all of the host: {sum(memory_ours.values()):.0f} MiB")


def main() -> int:
    """Measure and print."""
    parser = hosts.parser("bench.web", __doc__.splitlines()[0], 10_000)
    parser.add_argument("--seconds", type=int, default=20, help="each load lasts (default: %(default)s)")
    options = parser.parse_args()
    with hosts.deployed(options, LAB) as deployment:
        measure(deployment, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
