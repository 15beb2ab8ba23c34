"""The parts of the site on this host that hold something about people."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from listkit.bridge import config as bridge_config
from listkit.bridge.imap_connection import ImapError
from listkit.budget import ledger
from listkit.common.configuration import ConfigurationError
from listkit.common.rest import RestError
from listkit.person import core, logs, mailbox, records, relay
from listkit.person.files import ELSEWHERE, OF_DEBIAN, OF_OTHER_PARTS, naming
from listkit.person.finding import Finding, Held
from listkit.person.identity import Person
from listkit.person.redaction import Redactor
from listkit.upgrade import clusters
from listkit.web import deployment
from listkit.web.user import SubcommandFailed, run_as_web_user

PAGE_CACHE = Path("/var/lib/nginx/listkit")
FAILURES = (OSError, ImapError, RestError, ConfigurationError, subprocess.SubprocessError, SubcommandFailed)


@dataclass(frozen=True)
class Choices:
    """What the operator decides. bans: delete bans, too; journal: delete the whole journal of the system."""

    bans: bool = False
    journal: bool = False


@dataclass(frozen=True)
class Part:
    """A part of the site. Both functions may raise `FAILURES`. identifies: whether it knows other addresses, too."""

    name: str
    find: Callable[[Person], Held]
    erase: Callable[[Person, Choices], None]
    identifies: bool = False


def parts() -> Iterator[Part]:
    """Yield the parts on this host, in the order in which they are erased: logs come last, as erasing is logged."""
    if has_core():
        yield Part("the bridge's configuration", _site_addresses, lambda *_: None)
        yield Part("Mailman's core", core.find, lambda person, choices: core.erase(person, bans=choices.bans), True)
    if has_web():
        yield Part("the web interface and the archive", _find_web, _erase_web, True)
    if has_core():
        yield Part("Mailman's files", _found(core.waiting), lambda person, _: core.erase_set_aside(person))
        yield from _records()
        yield Part("the mailboxes", _found(mailbox.find), lambda person, _: mailbox.erase(person))
        yield Part("Postfix", _found(relay.find), lambda person, _: relay.erase(person))
    yield Part("other files", _found(_other_files), lambda *_: None)
    yield Part("the logs", _found(logs.find), lambda person, choices: logs.erase(person, journal=choices.journal))


def has_core() -> bool:
    """Whether Mailman's core is on this host, and with it the bridge and the relay."""
    return core.CONFIGURATION.exists()


def has_web() -> bool:
    """Whether the web interface is on this host, and with it the archive."""
    return deployment.CONFIGURATION.exists()


def has_database() -> bool:
    """Whether a PostgreSQL server is on this host, and with it its logs."""
    return any(clusters.CONFIGURATION.glob("*/*/postgresql.conf"))


def other_hosts() -> Iterator[str]:
    """Yield the site's other hosts, in words, each with what only it has."""
    if not has_core():
        yield "the host with Mailman's core, for memberships, held messages, queues and mailboxes"
    if not has_web():
        yield "the host with the web interface, for the account and the archive"
    if not has_database():
        yield "the host with the database, unless others run it, for its logs"


def _site_addresses(person: Person) -> Held:
    """Return why the person can't be erased, if the site itself needs one of the addresses."""
    settings = bridge_config.load_without_passwords()
    own = {mailbox.account: "the address of a mailbox that the bridge reads" for mailbox in settings.mailboxes}
    if settings.site_owner:
        own[settings.site_owner.address] = (
            "the address of the site's owner: set another mailman_email, then run it again"
        )
    return Held(obstacles=tuple(f"{address} is {what}" for address, what in own.items() if person.has(address)))


def _records() -> Iterator[Part]:
    journal = bridge_config.load_without_passwords().state / records.JOURNAL
    if journal.exists():
        yield Part(
            "the bridge's journal",
            _found(lambda person: records.refusals(person, journal)),
            lambda person, _: records.erase_refusals(person, journal),
        )
    if ledger.PATH.exists():
        yield Part("the budget's ledger", _found(records.answers), lambda person, _: records.erase_answers(person))


def _other_files(person: Person) -> Iterator[Finding]:
    """Yield files such as an exported list of members, or an archive that was imported."""
    for path in naming(Redactor(person), *ELSEWHERE, leave_out=(*OF_OTHER_PARTS, *OF_DEBIAN)):
        yield Finding("other", str(path))


def _found(find: Callable[[Person], Iterable[Finding]]) -> Callable[[Person], Held]:
    return lambda person: Held(tuple(find(person)))


def _find_web(person: Person) -> Held:
    return Held.from_json(_web("person-find", person))


def _erase_web(person: Person, _: Choices) -> None:
    _web("person-erase", person)
    # nginx asks the web interface for a page whose file is gone.
    for page in naming(Redactor(person), PAGE_CACHE):
        page.unlink(missing_ok=True)


def _web(subcommand: str, person: Person) -> dict:
    described: dict = json.loads(run_as_web_user(subcommand, stdin=json.dumps(person.as_json())))
    return described


def unfinished_directory() -> Path:
    """Return where it is recorded who is being erased."""
    return Path("/var/lib/listkit/person")
