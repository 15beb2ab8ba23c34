"""`listkit budget`: how much mail may still leave, what waits, and the queue controller itself.

    listkit budget [--json]             used, left, queued and next release, by account and list
    listkit budget forecast [--json]    the daily need of the lists against the limits of the accounts
    listkit budget resume [ACCOUNT]     end the pause of an account (or of all) after its cause is gone
    listkit budget serve                run the queue controller (for systemd)

Exit status: 0; 1 when an account is paused or a forecast exceeds its limit; 2 when the figures are not available.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from listkit.budget import accounts, forecast, ledger, report
from listkit.budget.service import serve
from listkit.budget.status import STALE_SECONDS, STATUS
from listkit.common import systemd
from listkit.common.configuration import ConfigurationError
from listkit.common.subcommands import Subcommands


class CommandError(Exception):
    """The command is not possible; the text has the reason."""


def main(argv: list[str]) -> int:
    """Run one sub-command; return the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
        return status
    except (CommandError, ConfigurationError, OSError) as error:
        print(f"listkit budget: {error}", file=sys.stderr)
    except sqlite3.Error as error:
        hint = "only root can read it, and the service creates it at its first start"
        print(f"listkit budget: {arguments.ledger}: {error}: {hint}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="listkit budget", description="Show how much mail may still leave, and what waits."
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--configuration", type=Path, default=accounts.CONFIGURATION, help="default: %(default)s")
    parser.add_argument("--ledger", type=Path, default=ledger.PATH, help="default: %(default)s")
    parser.add_argument("--status", type=Path, default=STATUS, help="default: %(default)s")
    parser.set_defaults(run=_show)
    commands = Subcommands(parser, required=False)
    forecasts = commands.add_parser("forecast", help="compare the need of the lists with the limits of the accounts")
    forecasts.add_argument("--json", action="store_true", help="print JSON instead of a table")
    forecasts.set_defaults(run=_forecast)
    resume = commands.add_parser("resume", help="end the pause of an account, after its cause is gone")
    resume.add_argument("account", nargs="?", help="its address; without it, all accounts")
    resume.set_defaults(run=_resume)
    commands.add_parser("serve", help="run the queue controller (for systemd)").set_defaults(run=_serve)
    return parser


def _show(arguments: argparse.Namespace) -> int:
    now = time.time()
    try:
        figures = json.loads(arguments.status.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CommandError(
            f"{arguments.status} is missing, so the service does not run: `systemctl start listkit-budget`"
        ) from None
    if arguments.json:
        print(json.dumps(figures, indent=2))
    else:
        _print(report.table(figures, now))
    age = now - figures["time"]
    if age > STALE_SECONDS:
        remedy = "`systemctl restart listkit-budget`"
        print(f"no progress for {age:.0f} s; outgoing mail is stuck: {remedy}", file=sys.stderr)
        return 2
    return int(any(account["pause"] for account in figures["accounts"]))


def _forecast(arguments: argparse.Namespace) -> int:
    site = accounts.load(arguments.configuration)
    book = ledger.Ledger(arguments.ledger, readonly=True)
    made = forecast.of_site(site, book, time.time())
    if arguments.json:
        print(json.dumps([asdict(item) | {"needed": item.needed, "fits": item.fits} for item in made], indent=2))
    else:
        _print(report.forecast_table(made))
        if forecast.may_become_bulk_sender(site.accounts):
            print(report.BULK_SENDER_ADVICE)
    return int(not all(item.fits for item in made))


def _resume(arguments: argparse.Namespace) -> int:
    site = accounts.load(arguments.configuration)
    known = [account.address for account in site.accounts]
    if arguments.account and arguments.account.lower() not in known:
        raise CommandError(f"there is no account {arguments.account}; the accounts are {', '.join(known)}")
    book = ledger.Ledger(arguments.ledger)
    for address in [arguments.account.lower()] if arguments.account else known:
        book.resume(address)
        book.retry(address)
    # The controller sleeps until the queue changes.
    subprocess.run(["systemctl", "kill", "--signal=SIGIO", "listkit-budget.service"], check=False)
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    systemd.log_to_journal()
    serve(accounts.load(arguments.configuration), arguments.ledger, arguments.status)
    return 0


def _print(lines: Iterable[str]) -> None:
    print("\n".join(lines))
