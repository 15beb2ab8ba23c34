"""The sources of a record: Mailman, its log, the bridge's journal, the budget's ledger, the archive and the disks."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from listkit.bridge import journal
from listkit.bridge.config import load_without_passwords
from listkit.bridge.reports import AUTOMATIC
from listkit.budget import accounts
from listkit.budget.ledger import Ledger
from listkit.common.configuration import ConfigurationError
from listkit.common.rest import RestClient, RestError
from listkit.common.systemd import as_user
from listkit.report import mailman_log
from listkit.report.day import Day, Disk, Usage, bounds, month_of
from listkit.report.store import Store

DAYS_LOGGED = 4
"""How many days before today can be made up for, after a time without records: Mailman's log is kept for five days."""
DIRECTORIES = tuple(map(Path, ("/", "/var/log", "/var/lib/mailman3", "/var/lib/postgresql", "/var/spool/postfix")))
"""Directories that grow, each perhaps on a disk of its own."""
ARCHIVE_SECONDS = 120
# The database knows another user.
ARCHIVE_STATUS = as_user("www-data", ("/usr/local/bin/listkit", "archive", "status"), ARCHIVE_SECONDS)
ELSEWHERE = "the archive is on another host"


class NotAvailable(Exception):
    """A source does not say it; the text has the reason."""


_FAILURES = (OSError, RestError, ConfigurationError, sqlite3.Error, mailman_log.NotLogged, NotAvailable)
Values = dict[str, Any]
Source = Callable[[], Values]


@dataclass(frozen=True)
class Sources:
    """Where a record comes from; the defaults are this host's."""

    client: Callable[[], RestClient] = RestClient.of_this_host
    log: Path = mailman_log.core.LOGS
    ledger: Path | None = None
    budget: Path | None = None
    bridge: Path | None = None
    has_archive: bool = True


def record(store: Store, sources: Sources, today: date) -> list[Day]:
    """Record yesterday, and the days before it that were missed; return the new records, the latest last.

    What only shows now is a fact about yesterday. Raises DamagedRecords and OSError.
    """
    days = [today - timedelta(days=back) for back in range(DAYS_LOGGED, 0, -1)]
    # Before the first record, the host may not have existed.
    first = store.first() or days[-1]
    made = [
        gather(day, sources, is_latest=day == days[-1])
        for day in days
        if day >= first and day not in store.days(month_of(day))
    ]
    store.add(*made)
    store.prune()
    return made


def gather(day: date, sources: Sources, *, is_latest: bool) -> Day:
    """Return the record of a day. is_latest: whether it has just ended, so that what shows now is true of it."""
    begin, end = bounds(day)
    values: Values = {}
    unknown: dict[str, str] = {}

    def ask(names: str, source: Source) -> None:
        try:
            values.update(source())
        except _FAILURES as error:
            unknown.update(dict.fromkeys(names.split(), f"{error}" or type(error).__name__))

    if is_latest:
        ask("posts members", lambda: _lists(sources.client()))
        ask("archived", lambda: _archive(sources.has_archive))
        ask("disks", _disks)
    else:
        unknown.update(dict.fromkeys(("posts", "members", "archived", "disks"), "no record was made on that day"))
    ask("held bounces rejected discarded", lambda: _logged(sources, begin, end))
    ask("set_aside", lambda: _set_aside(sources.bridge, begin, end))
    ask("sent accounts", lambda: _sent(sources, begin, end))
    return Day(day, **values, unknown=unknown)


def _lists(client: RestClient) -> Values:
    entries = client.entries("lists")
    return {
        "members": {entry["fqdn_listname"]: int(entry["member_count"]) for entry in entries},
        # The number of the next post.
        "posts": {
            entry["fqdn_listname"]: int(client.get(f"lists/{entry['list_id']}/config/post_id")["post_id"]) - 1
            for entry in entries
        },
    }


def _logged(sources: Sources, begin: float, end: float) -> Values:
    counts = mailman_log.count(begin, end, sources.log)
    bounces: Counter[str] = Counter()
    if counts.bounces:
        addresses = {entry["list_id"]: entry["fqdn_listname"] for entry in sources.client().entries("lists")}
        for list_id, number in counts.bounces.items():
            # Of a list that was deleted since.
            bounces[addresses.get(list_id, list_id)] += number
    return {
        "held": dict(counts.held),
        "bounces": dict(bounces),
        "rejected": counts.rejected,
        "discarded": counts.discarded,
    }


def _set_aside(path: Path | None, begin: float, end: float) -> Values:
    database = path or load_without_passwords().state / journal.NAME
    # Mailman gets automatic mail, and logs that it discards it.
    return {"set_aside": journal.count_refusals(database, begin, end, without=AUTOMATIC)}


def _sent(sources: Sources, begin: float, end: float) -> Values:
    site = accounts.load(sources.budget)
    ledger = Ledger(sources.ledger, readonly=True) if sources.ledger else Ledger(readonly=True)
    sent: Counter[str] = Counter()
    used: dict[str, Usage] = {}
    for account in site.accounts:
        charges = [
            charge
            for charge in ledger.charges(account.address, begin)
            if charge.spent_at is not None and charge.spent_at < end
        ]
        used[account.address] = Usage(sum(charge.recipients for charge in charges), account.limits.recipients)
        for charge in charges:
            sent[charge.list] += charge.recipients
    ledger.close()
    return {"sent": dict(sent), "accounts": used}


def _archive(has_archive: bool) -> Values:
    if not has_archive:
        raise NotAvailable(ELSEWHERE)
    try:
        answer = subprocess.run(ARCHIVE_STATUS, capture_output=True, text=True, timeout=ARCHIVE_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise NotAvailable(f"the archive does not answer within {ARCHIVE_SECONDS} s") from error
    try:
        # Libraries may print when they are imported; the answer is the last line.
        return {"archived": int(json.loads(answer.stdout.splitlines()[-1])["posts"])}
    except (IndexError, KeyError, ValueError) as error:
        reason = answer.stderr.strip().splitlines()[-1:] or ["`sudo listkit archive status` shows why"]
        raise NotAvailable(f"the archive does not answer: {reason[0]}") from error


def _disks(directories: tuple[Path, ...] = DIRECTORIES) -> Values:
    devices: dict[int, Path] = {}
    for directory in directories:
        if directory.exists():
            devices.setdefault(directory.stat().st_dev, directory)
    usage: Mapping[Path, Any] = {directory: shutil.disk_usage(directory) for directory in devices.values()}
    return {"disks": {str(directory): Disk(disk.used, disk.total) for directory, disk in usage.items()}}
