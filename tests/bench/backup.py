"""What a backup, a drill and the restores cost, beside `pg_dumpall` and `tar` of the same host.

usage: python3 -m bench.backup [--image kit-trixie] [--messages 20000] [--times 1] [--lab LAB --host HOST]

One host in a lab of its own, with an archive of that many messages; --times: and so many copies of them, made in the
database, which takes seconds where an import takes an hour. Root is needed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from bench import hosts
from bench.deploy import play, seconds
from bench.importing import MBOX, Bench
from deployment import REPOSITORY, Deployment, Site
from e2e.website import WebSite, burst
from lab import Host

LAB = "bench-backup"
RECORD = "/var/lib/listkit/backup/record.json"
PLAIN = "/var/tmp/bench-backup"  # noqa: S108 -- on the lab's host
STATE = "var/lib/mailman3 var/lib/listkit var/lib/private/listkit-bridge var/spool/postfix etc"
NEW_POSTS = 20
MOST_SECONDS = 7200
MOST_PAUSE_SECONDS = 2.0
COPY = """
DO $$
DECLARE
    others text := (
        SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns
        WHERE table_name = 'hyperkitty_email' AND column_name NOT IN ('id', 'message_id', 'message_id_hash')
    );
    newest bigint := (SELECT max(id) FROM hyperkitty_email);
BEGIN
    FOR copy IN 2..{times} LOOP
        EXECUTE format(
            'INSERT INTO hyperkitty_email (message_id, message_id_hash, %s) '
            'SELECT message_id || %L, upper(md5(message_id_hash || %L)), %s FROM hyperkitty_email WHERE id <= %s',
            others, '.' || copy, copy, others, newest
        );
    END LOOP;
END $$
"""
"""Copies all posts of the archive, with other names."""


@dataclass(frozen=True)
class Cost:
    """How long something lasted, in seconds, and the bytes that it stored."""

    seconds: float
    stored: int = 0

    def row(self, what: str) -> str:
        """Return a line of the table."""
        return f"{what:<48} {self.seconds:>9.1f} {self.stored / 1e6:>9.1f}"


class Measured:
    """The host, and for how long mail was paused at most."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.pause_seconds = 0.0

    def run(self, command: str) -> Cost:
        """Run a command."""
        return Cost(seconds(lambda: self._host.run(command, timeout=MOST_SECONDS)))

    def backup(self, *options: str) -> Cost:
        """Make a backup; return what it added to the repository."""
        before = self._stored()
        lasted = self.run(" ".join(("listkit backup now --accept-smaller", *options)))
        made = json.loads(self._host.run(f"cat {RECORD}"))["made"]
        self.pause_seconds = max(self.pause_seconds, made["pause_seconds"])
        return Cost(lasted.seconds, self._stored() - before)

    def _stored(self) -> int:
        return int(self._host.run(f"mkdir -p {REPOSITORY} && du -sb {REPOSITORY} | cut -f1"))

    def plain(self) -> Cost:
        """Do what a guide says: dump everything, and pack the files."""
        self._host.run(f"install -d -m 0700 {PLAIN}")
        # tar reports files that change meanwhile with 1.
        tar = f"tar -C / --exclude=xapian_index -czf files.tar.gz {STATE} 2> errors || [ $? = 1 ]"
        lasted = self.run(
            f"cd {PLAIN} && (cd / && runuser -u postgres -- pg_dumpall) | gzip > all.sql.gz && {{ {tar}; }}"
        )
        stored = int(self._host.run(f"du -sb {PLAIN} | cut -f1"))
        self._host.run(f"rm -r {PLAIN}")
        return Cost(lasted.seconds, stored)


def fill(site: Site, address: str, times: int) -> str:
    """Import the messages, and copy them; return how many there are, and the size of their database."""
    site.host.run(f"listkit archive import --list {address} {MBOX}", timeout=MOST_SECONDS)
    psql = "cd / && runuser -u www-data -- psql -qAtd mailman3web"
    site.host.run(psql, stdin=COPY.format(times=times), timeout=MOST_SECONDS)
    count, size = site.host.run(
        psql, stdin="SELECT count(*) FROM hyperkitty_email; SELECT pg_database_size(current_database())"
    ).split()
    return f"{count} messages in the archive, {int(size) / 1e6:.0f} MB in its database"


def measure(deployment: Deployment, host: str, messages: int, times: int, measured: Measured) -> Iterator[str]:
    """Fill an archive, and yield the lines of the table."""
    site, bench = deployment.sites[host], Bench(deployment, host, messages)
    try:
        bench.write()
        address = bench.list()
        yield fill(site, address, times)
        site.host.run(f"rm -rf {REPOSITORY}")
        yield f"{'':<48} {'seconds':>9} {'MB':>9}"
        yield measured.plain().row("pg_dumpall and tar, each with gzip")
        yield measured.backup("--new-repository").row("first backup")
        burst(WebSite.of(site), address, NEW_POSTS)
        yield measured.backup().row(f"the next one, with at most {NEW_POSTS} posts more")
        yield measured.run("listkit backup drill").row("drill")
        yield measured.run("listkit backup restore --replace").row("restore of everything, while the site is stopped")
        yield Cost(seconds(lambda: play(deployment, host))).row("the playbook, which starts it again")
        one = f"listkit backup restore-list {address} --replace"
        yield measured.run(f"{one} --dry-run").row("plan of a restore of one list")
        yield measured.run(one).row("restore of one list")
        yield f"mail was paused for {measured.pause_seconds:.2f} s at most"
    finally:
        bench.remove_lists()


def main() -> int:
    """Measure and print; 1 when mail was paused for too long."""
    parser = hosts.parser("bench.backup", __doc__.splitlines()[0], 20_000)
    parser.add_argument("--times", type=int, default=1, help="how many times they are there (default: %(default)s)")
    options = parser.parse_args()
    with hosts.deployed(options, LAB) as deployment:
        measured = Measured(deployment.sites[options.host].host)
        for line in measure(deployment, options.host, options.messages, options.times, measured):
            print(line, flush=True)
    return int(measured.pause_seconds > MOST_PAUSE_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
