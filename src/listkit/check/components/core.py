"""Mailman's core: its servers, the messages that it set aside, and the way into the archive."""

from __future__ import annotations

import configparser
import contextlib
import http.client
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from listkit.bridge.config import CONFIGURATION as BRIDGE
from listkit.bridge.config import load_without_passwords
from listkit.check.finding import PLAYBOOK, Check, Finding
from listkit.check.probes import TIMEOUT_SECONDS, date, greeting, oldest, with_last_log_line
from listkit.check.settings import Settings
from listkit.common.endpoints import CORE_LMTP
from listkit.common.rest import LoginRefused, RestClient, RestError
from listkit.mailman.list_names import reason

UNIT = "mailman3.service"
RESTART = f"`systemctl restart {UNIT}`"
QUEUES = Path("/var/lib/mailman3/queue")
ARCHIVE_SPOOL = Path("/var/lib/mailman3/archives/hyperkitty/spool")
LOG = Path("/var/log/mailman3/mailman.log")
MOST_QUEUED_SECONDS = 300
MOST_HELD_DAYS = 7
_COUNTED = ("domains", "lists", "users")
# Nothing handles the messages in these, or they are queued again each minute.
_QUEUES_THAT_KEEP = frozenset({"shunt", "bad", "retry"})
_RUNNER_ERROR = "Uncaught runner exception: "
ARCHIVER = Path("/etc/mailman3/listkit-hyperkitty.cfg")


def checks(settings: Settings) -> list[Check]:
    """Return the checks; there are no settings but units and ports."""
    return [
        Check("Mailman's LMTP server", check_lmtp, needs_root=True),
        Check("Mailman's REST API", check_rest),
        Check("Mailman's queues", check_queues),
        Check("shunted messages", check_set_aside),
        Check("held posts", check_held),
        Check("archive", check_archive),
        Check("unarchived posts", check_archive_spool),
        Check("addresses of the lists", check_list_addresses),
    ]


def check_lmtp(address: tuple[str, int] = CORE_LMTP.address) -> Iterator[Finding]:
    """Mailman accepts mail."""
    name = "Mailman's LMTP server"
    try:
        seen = greeting(address)
    except OSError as error:
        yield Finding.critical(name, with_last_log_line(f"port {address[1]}: {error}", UNIT), RESTART)
        return
    text = seen.decode(errors="replace").strip()
    yield Finding.ok(name, text) if seen.startswith(b"220") else Finding.critical(name, text, RESTART)


def check_rest(client: RestClient | None = None) -> Iterator[Finding]:
    """Mailman's REST API answers, and so does its database."""
    name = "Mailman's REST API"
    client = client or RestClient.of_this_host()
    try:
        sizes = {what: int(client.get(f"{what}?count=1&page=1")["total_size"]) for what in _COUNTED}
    except LoginRefused as error:
        finding = Finding.critical(name, f"{error}: its password is not that of the password file", PLAYBOOK)
        yield finding.measured(mailman3_up=0)
    except RestError as error:
        seen = with_last_log_line(str(error), UNIT)
        remedy = f"see that its database answers, with `listkit check --only database` on that host; then {RESTART}"
        yield Finding.critical(name, seen, remedy).measured(mailman3_up=0)
    else:
        counts = {f"mailman3_{what}": size for what, size in sizes.items()}
        yield Finding.ok(name, f"{sizes['lists']} lists").measured(mailman3_up=1, **counts)


def check_queues(queues: Path = QUEUES) -> Iterator[Finding]:
    """Mailman's runners make progress: no message has waited long. A runner that hangs is active for systemd."""
    name = "Mailman's queues"
    waiting = {directory.name: _files(directory) for directory in sorted(queues.iterdir())}
    lengths = {queue: len(files) for queue, files in waiting.items()}
    stuck = False
    for queue in sorted(waiting.keys() - _QUEUES_THAT_KEEP):
        since = oldest(waiting[queue])
        if since is not None and time.time() - since > MOST_QUEUED_SECONDS:
            stuck = True
            seen = f"{len(waiting[queue])} in the queue {queue}, the oldest since {date(since)}: its runner hangs"
            yield Finding.critical(name, with_last_log_line(seen, UNIT), RESTART).measured(mailman3_queues=lengths)
    if not stuck:
        seen = f"no message waits longer than {MOST_QUEUED_SECONDS} s"
        yield Finding.ok(name, seen).measured(mailman3_queues=lengths)


def check_held(client: RestClient | None = None) -> Iterator[Finding]:
    """No post has waited long for a moderator."""
    name = "held posts"
    client = client or RestClient.of_this_host()
    held: dict[str, tuple[int, str]] = {}
    try:
        lists = client.entries("lists")
        for entry in lists:
            posts = client.get(f"lists/{entry['list_id']}/held?count=1&page=1")
            since = posts["entries"][0]["hold_date"][:10] if posts["total_size"] else ""
            held[entry["fqdn_listname"]] = (posts["total_size"], since)
    except RestError as error:
        yield Finding.unknown(name, str(error), "`listkit check --only core`")
        return
    if late := [address for address, (_, since) in held.items() if since and _days_since(since) > MOST_HELD_DAYS]:
        remedy = (
            "moderate them: the list's page → Held messages, or `listkit trace` with the list's address;"
            " or set max_days_to_hold of the list"
        )
        seen = _held_by_list({address: held[address] for address in late})
        finding = Finding.warning(name, f"waiting for a moderator: {seen}", remedy)
    else:
        finding = Finding.ok(name, f"{_held_by_list(held) or 'none'}; none for longer than {MOST_HELD_DAYS} days")
    yield finding.measured(
        listkit_held_posts={address: count for address, (count, _) in held.items()},
        mailman3_list_members={entry["fqdn_listname"]: entry["member_count"] for entry in lists},
    )


def _days_since(day: str) -> int:
    return (datetime.now(UTC).date() - datetime.fromisoformat(day).date()).days


def _held_by_list(held: Mapping[str, tuple[int, str]]) -> str:
    """List how many posts each list holds, and since when."""
    return ", ".join(f"{count} of {address} since {since}" for address, (count, since) in held.items() if count)


def check_set_aside(queues: Path = QUEUES, log: Path = LOG) -> Iterator[Finding]:
    """Mailman has not set a message aside that it could not handle."""
    shunted = [path for path in _files(queues / "shunt") if path.suffix == ".pck"]
    bad = _files(queues / "bad")
    if (since := oldest(shunted)) is not None:
        seen = f"{len(shunted)} in {queues}/shunt, the oldest since {date(since)}{_last_error(log)}"
        remedy = f"remove the cause (see {log}), then `mailman unshunt`"
        yield Finding.warning("shunted messages", seen, remedy)
    if (since := oldest(bad)) is not None:
        seen = f"{len(bad)} in {queues}/bad, the oldest since {date(since)}: Mailman cannot read them"
        remedy = f"`mailman qfile {bad[0]}` shows one; delete those that you do not need"
        yield Finding.warning("shunted messages", seen, remedy)
    if not shunted and not bad:
        yield Finding.ok("shunted messages", "none")


def _last_error(log: Path) -> str:
    """Return the last error of a runner, to append to a finding; "" if the log has none."""
    if not log.exists():
        return ""
    with log.open(errors="replace") as lines:
        errors = [line for line in lines if _RUNNER_ERROR in line]
    return f"; the last error: {errors[-1].partition(_RUNNER_ERROR)[2].strip()}" if errors else ""


def _files(directory: Path) -> list[Path]:
    """Return the files in a directory that may be missing. Raises PermissionError, which `glob` would hide."""
    return list(directory.iterdir()) if directory.exists() else []


def check_archive(configuration: Path = ARCHIVER) -> Iterator[Finding]:
    """The archive accepts the key of Mailman's archiver."""
    parser = configparser.ConfigParser()
    parser.read_string(configuration.read_text())
    url, key = parser["general"]["base_url"], parser["general"]["api_key"]
    restart = "on the web host: `systemctl restart mailman3-web`"
    try:
        status = _ask_archive(url, key)
    except (OSError, http.client.HTTPException) as error:
        seen = f"{url} does not answer: {error or type(error).__name__}; posts wait for it"
        yield Finding.critical("archive", seen, restart)
        return
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        seen = f"{url} refuses the archiver's key ({status}); posts wait for it"
        yield Finding.critical("archive", seen, PLAYBOOK)
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        yield Finding.critical("archive", f"{url} fails ({status}); posts wait for it", restart)
    else:
        yield Finding.ok("archive", f"{url} accepts the archiver's key")


def _ask_archive(base_url: str, key: str) -> int:
    """Return the status of a request of the archiver's that changes nothing."""
    url = urlsplit(base_url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=TIMEOUT_SECONDS)
    # In a header, as the archiver sends it: a query would be logged.
    headers = {"Authorization": f"Token {key}"}
    with contextlib.closing(connection):
        connection.request("GET", f"{url.path.rstrip('/')}/api/mailman/urls?mlist=check@example.org", headers=headers)
        return connection.getresponse().status


def check_archive_spool(spool: Path = ARCHIVE_SPOOL) -> Iterator[Finding]:
    """No post waits for the archive."""
    name = "unarchived posts"
    waiting = _files(spool)
    since = oldest(waiting)
    if since is None:
        yield Finding.ok(name, "none")
    else:
        seen = f"{len(waiting)} in {spool}, the oldest since {date(since)}: the archive did not accept them"
        remedy = "`listkit check --only core` says whether it does now; they follow the next post that it accepts"
        yield Finding.warning(name, seen, remedy)


def check_list_addresses(client: RestClient | None = None, bridge: Path = BRIDGE) -> Iterator[Finding]:
    """Every list has addresses of its own, in a domain whose mail reaches this host."""
    name = "addresses of the lists"
    settings = load_without_passwords(bridge)
    domains = set(settings.domains.values())
    try:
        lists = {str(entry["fqdn_listname"]) for entry in (client or RestClient.of_this_host()).entries("lists")}
    except RestError as error:
        yield Finding.unknown(name, str(error), "`listkit check --only core`")
        return
    foreign = sorted(address for address in lists if address.partition("@")[2] not in domains)
    if foreign:
        remedy = (
            "delete them in the web interface, or declare their domain in mailman_lists: the provider refuses its mail;"
            f" then {PLAYBOOK}"
        )
        yield Finding.warning(name, f"in a domain that the inventory does not have: {', '.join(foreign)}", remedy)
    local_parts = settings.site_owner.local_parts if settings.site_owner else ()
    own = {f"{part}@{domain}" for part in local_parts for domain in domains}
    own |= {mailbox.account for mailbox in settings.mailboxes}
    clashing = [why for address in sorted(lists) if (why := reason(address, lists, own))]
    if clashing:
        remedy = f"delete one of the two in the web interface, and declare it under another name; then {PLAYBOOK}"
        yield Finding.warning(name, "; ".join(clashing), remedy)
    if not foreign and not clashing:
        yield Finding.ok(name, f"{len(lists)} lists, each with addresses of its own")
