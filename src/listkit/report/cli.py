"""`listkit report`: what happened in a month, by list and for the site.

    listkit report [--month 2026-11] [--json]    show a month; by default, that of yesterday
    listkit report mail [--month 2026-11]        mail it to the site's owner
    listkit report record                        record yesterday; mail last month's report if it is due (for systemd)

Exit status: 0; 1 when the mail was not accepted, or the records are damaged; 3 when there are no records of the month,
or this is not the core's host.
"""

from __future__ import annotations

import argparse
import json
import re
import sqlite3
import sys
import time
from dataclasses import asdict
from datetime import date, timedelta

from listkit.budget import accounts, forecast
from listkit.budget.forecast import Forecast
from listkit.budget.ledger import Ledger
from listkit.common.configuration import ConfigurationError
from listkit.report import gathering, mailing, text
from listkit.report.configuration import Configuration
from listkit.report.day import month_before, month_of
from listkit.report.gathering import Sources
from listkit.report.month import Month, summarise
from listkit.report.store import DamagedRecords, Store

DONE, FAILED, NONE = 0, 1, 3
SHOW, MAIL, RECORD = "show", "mail", "record"


class NoRecords(Exception):
    """There is nothing to report; the text has the reason."""


def main(argv: list[str]) -> int:
    """Carry out the action; return the exit status."""
    options = _parser().parse_args(argv)
    today = date.today()
    month = options.month or month_of(today - timedelta(days=1))
    store = Store()
    try:
        configuration = Configuration.load()
        if options.action == RECORD:
            record(store, configuration, today)
        elif options.action == MAIL:
            mail(store, configuration, month, today)
        elif options.json:
            print(json.dumps(_values(_summary(store, month, today)), indent=2, default=str))
        else:
            print(_text(store, configuration, month, today))
    except ConfigurationError as error:
        print(f"listkit report: {error}; it runs on the host of Mailman's core, after the playbook", file=sys.stderr)
        return NONE
    except NoRecords as error:
        print(f"listkit report: {error}", file=sys.stderr)
        return NONE
    except PermissionError as error:
        print(f"listkit report: {error}: only root can read the records: `sudo listkit report`", file=sys.stderr)
        return FAILED
    except (DamagedRecords, mailing.NotMailed, OSError) as error:
        print(f"listkit report: {error}", file=sys.stderr)
        return FAILED
    return DONE


def record(store: Store, configuration: Configuration, today: date) -> None:
    """Record yesterday; mail the report of last month if that is wanted and was not done. Raises NotMailed."""
    for day in gathering.record(store, Sources(has_archive=configuration.archive), today):
        for figure, reason in day.unknown.items():
            print(f"{day.date}: {text.NAMES[figure]}: not known: {reason}")
    month = month_before(month_of(today))
    if configuration.mail and mailing.is_due(store, month):
        mail(store, configuration, month, today)
        mailing.mark(store, month)


def mail(store: Store, configuration: Configuration, month: str, today: date) -> None:
    """Mail the report of a month. Raises NoRecords and NotMailed."""
    text_of_month = _text(store, configuration, month, today)
    mailing.send(configuration, accounts.load().accounts[0].address, month, text_of_month)


def _text(store: Store, configuration: Configuration, month: str, today: date) -> str:
    return "\n".join(text.lines(_summary(store, month, today), configuration.site, _forecasts()))


def _summary(store: Store, month: str, today: date) -> Month:
    if not store.days(month):
        months = store.months()
        there = f"there are {months[0]} to {months[-1]}" if months else "there are none yet"
        raise NoRecords(
            f"no records of {month}; {there}. To record yesterday at once: `systemctl start listkit-report`"
        )
    return summarise(store, month, today)


def _values(figures: Month) -> dict[str, object]:
    forecasts = [asdict(item) | {"needed": item.needed, "fits": item.fits} for item in _forecasts()]
    return {**asdict(figures), "forecast": forecasts}


def _forecasts() -> list[Forecast]:
    """Return the forecast of each account; none where the budget has no ledger yet."""
    try:
        ledger = Ledger(readonly=True)
        return forecast.of_site(accounts.load(), ledger, time.time())
    except (OSError, sqlite3.Error):
        return []


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="listkit report",
        description="Show a month's posts, members, bounces, held and refused mail, and the use of budget and disks.",
        epilog="Exit status: 0; 1 not mailed, or damaged records; 3 no records.",
    )
    parser.add_argument(
        "action", nargs="?", choices=[SHOW, MAIL, RECORD], default=SHOW,
        help="show: print it (default); mail: send it to the site's owner; record: record yesterday (for systemd)",
    )  # fmt: skip
    parser.add_argument("--month", type=_month, metavar="2026-11", help="default: the month of yesterday")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


def _month(value: str) -> str:
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", value):
        raise argparse.ArgumentTypeError(f"{value} is not a month, such as 2026-11")
    return value
