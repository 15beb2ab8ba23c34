"""The control interface on a host of the stand-in: `stand-in set quota 300`, `stand-in status`, …"""

import argparse
import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from stand_in import maildirs, names, switches
from stand_in.state import SWITCHES, State

RECEIVED = Path("/var/mail")
SUBMISSION = ("127.0.0.1", 10025)
LOOK_SECONDS = 0.05
_SERVER_SETTINGS = {"idle", "imap_connections", "smtp_connections", "verdict", "forged_verdicts"}


def main() -> int:
    """Do what the command line says."""
    arguments = _parser().parse_args()
    try:
        arguments.do(arguments)
    except ValueError as error:
        print(f"stand-in: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stand-in")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, do, text: str, *operands: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(do=do)
        for operand in operands:
            made.add_argument(operand, **({"nargs": "+"} if operand.endswith("s") and operand != "address" else {}))
        return made

    command("serve", lambda a: _serve(), "run the policy of the submission service")
    command("set", _set, "put a switch in a position", "switch", "value")
    command("reset", lambda a: _reset(), "all switches to their defaults, all counters to zero, all bans lifted")
    command("switches", lambda a: _print_switches(), "show the switches")
    command("status", lambda a: _print(State().status()), "what was accepted and refused, as JSON")
    command("events", lambda a: _print(State().events()), "every single acceptance and refusal, as JSON")
    domain = command("domain", _domain, "host a domain", "name")
    domain.add_argument("--dmarc", default="reject", choices=("none", "quarantine", "reject"))
    command("mailbox", _mailbox, "make a mailbox; the password comes by standard input", "login")
    command("alias", _alias, "deliver addresses into a mailbox", "login", "addresses")
    command("unalias", _unalias, "know addresses no more", "addresses")
    command("records", _records, "add records to the name server, as lines of dnsmasq's configuration", "lines")
    command("inbox", lambda a: _print(maildirs.messages(Path("/var/vmail", a.login, "Maildir"))), "a mailbox", "login")
    received = command("received", _received, "what an address received, as JSON", "address")
    received.add_argument("--known", type=int, default=-1, help="wait until there are more messages than this")
    received.add_argument("--seconds", type=float, default=0, help="the longest that it waits")
    command("counts", lambda a: _print(maildirs.counts(RECEIVED)), "how many messages every address received, as JSON")
    command("forget", lambda a: _forget(), "delete everything that was received")
    command("send", _send, "post a message (standard input)", "sender", "recipients")
    return parser


def _print(value: object) -> None:
    json.dump(value, sys.stdout)
    print()


def _serve() -> None:
    from stand_in import logins, submission  # the strict receiver has no libmilter bindings

    threading.Thread(target=logins.serve, daemon=True).start()
    subprocess.run(["systemd-notify", "--ready"], check=True)
    submission.serve()


def _set(arguments: argparse.Namespace) -> None:
    state = State()
    state.set(arguments.switch, arguments.value)
    if arguments.switch in _SERVER_SETTINGS:
        switches.apply(state)


def _reset() -> None:
    from stand_in import logins

    state = State()
    altered = any(state.get(name) != SWITCHES[name].default for name in _SERVER_SETTINGS)
    state.reset()
    logins.unban()
    if altered:
        switches.apply(state)


def _print_switches() -> None:
    state = State()
    for name, switch in SWITCHES.items():
        positions = f" ({' | '.join(switch.positions)})" if switch.positions else ""
        print(f"{name:18} {state.get(name)}\n{'':18} {switch.meaning}{positions}")


def _domain(arguments: argparse.Namespace) -> None:
    state = State()
    state.add_domain(arguments.name, arguments.dmarc)
    names.apply(state)


def _mailbox(arguments: argparse.Namespace) -> None:
    State().add_mailbox(arguments.login, sys.stdin.read().rstrip("\n"))


def _alias(arguments: argparse.Namespace) -> None:
    state = State()
    for address in arguments.addresses:
        state.add_alias(arguments.login, address)


def _unalias(arguments: argparse.Namespace) -> None:
    state = State()
    for address in arguments.addresses:
        state.remove_alias(address)


def _records(arguments: argparse.Namespace) -> None:
    state = State()
    for line in arguments.lines:
        state.add_record(line)
    names.apply(state)


def _received(arguments: argparse.Namespace) -> None:
    local, _, domain = arguments.address.partition("@")
    box, deadline = RECEIVED / domain / local, time.monotonic() + arguments.seconds
    while maildirs.count(box) <= arguments.known and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    _print(maildirs.messages(box))


def _forget() -> None:
    for box in RECEIVED.glob("*/*"):
        shutil.rmtree(box)


def _send(arguments: argparse.Namespace) -> None:
    # Loading it takes a third of a command's time, and a test run has thousands of other commands.
    import smtplib
    import socket

    with smtplib.SMTP(*SUBMISSION, local_hostname=socket.getfqdn()) as server:
        refused = server.sendmail(arguments.sender, arguments.recipients, sys.stdin.buffer.read())
    if refused:
        raise ValueError(f"refused: {refused}")


if __name__ == "__main__":
    sys.exit(main())
