# SPDX-License-Identifier: MIT
"""Find out what isn't documented about the mail service, with a handful of messages from a mailbox to itself."""

from __future__ import annotations

import email
import email.policy
import imaplib
import re
import smtplib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import make_msgid
from typing import Any

from ansible_collections.listkit.infomaniak.plugins.module_utils import dkim
from ansible_collections.listkit.infomaniak.plugins.module_utils.mail_login import Account, mailbox, submission
from ansible_collections.listkit.infomaniak.plugins.module_utils.resolver import DnsError, Resolver

MARK = "X-List-Server-Probe"
FOREIGN = "probe@example.com"
PROVIDER_ID = "mx.infomaniak.com"
FORGED = f"{PROVIDER_ID}; dmarc=pass (forged by a probe)"
ENVELOPE_HEADERS = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To")
CAPABILITIES = ("IDLE", "MOVE", "UIDPLUS")
UNSUBSCRIBE = "List-Unsubscribe"
ARRIVED, LOST, REFUSED = "arrived", "lost", "refused"
LOOK_SECONDS = 2
# Text that an answer may contain, and a report must not.
_PRIVATE = re.compile(r"[^\s<>\"']+@[^\s<>\"',;]+")


@dataclass(frozen=True)
class Trial:
    """One message: its name, envelope sender, author, and recipient."""

    name: str
    sender: str
    author: str
    recipient: str


@dataclass
class Outcome:
    """The outcome of a message: refused, with the answer, or arrived, with its folder and header."""

    state: str
    answer: str = ""
    folder: str = ""
    message: EmailMessage | None = None


@dataclass
class Findings:
    """The results of a probe."""

    capabilities: list[str] = field(default_factory=list)
    size_limit: int | None = None
    outcomes: dict[str, Outcome] = field(default_factory=dict)


def trials(account: str, alias: str, token: str, redirection: str | None) -> list[Trial]:
    """Return the messages to send; `alias` is one of the mailbox, `redirection` an address that forwards to it."""
    found = [
        Trial("alias_receipt", account, account, alias),
        Trial("alias_sender", alias, alias, account),
        Trial("plus_sender", _tagged(alias, token), alias, account),
        Trial("foreign_sender", FOREIGN, account, account),
        Trial("foreign_author", account, FOREIGN, account),
        Trial("plus_receipt", account, account, _tagged(alias, token)),
    ]
    return [*found, Trial("redirection", account, account, redirection)] if redirection else found


def _tagged(address: str, token: str) -> str:
    local, _at, domain = address.partition("@")
    return f"{local}+{token}@{domain}"


def run(account: Account, todo: Iterable[Trial], token: str, wait: float) -> Findings:
    """Send the messages, wait up to `wait` seconds for them, read and delete them. Raises MailError."""
    found = Findings()
    with submission(account) as connection:
        found.size_limit = int(connection.esmtp_features.get("size") or 0) or None
        for trial in todo:
            found.outcomes[trial.name] = _send(connection, trial, token)
    with mailbox(account) as connection:
        found.capabilities = [name for name in CAPABILITIES if name in connection.capabilities]
        _collect(connection, found.outcomes, token, wait)
    return found


def _send(connection: smtplib.SMTP, trial: Trial, token: str) -> Outcome:
    try:
        connection.sendmail(trial.sender, [trial.recipient], _message(trial, token).as_bytes())
    except smtplib.SMTPRecipientsRefused as error:
        code, answer = next(iter(error.recipients.values()))
        return Outcome(REFUSED, _anonymous(code, answer))
    except smtplib.SMTPResponseException as error:
        return Outcome(REFUSED, _anonymous(error.smtp_code, error.smtp_error))
    return Outcome(LOST)


def _message(trial: Trial, token: str) -> EmailMessage:
    message = EmailMessage(policy=email.policy.SMTP)
    message["Authentication-Results"] = FORGED
    message["From"], message["To"] = trial.author, trial.recipient
    message["Subject"] = "Probe of the mail service"
    message["Date"] = email.utils.localtime()
    message["Message-ID"] = make_msgid(domain=trial.author.partition("@")[2])
    message[UNSUBSCRIBE] = f"<mailto:{trial.author}>"
    message[MARK] = f"{token}-{trial.name}"
    message.set_content("The list server sends this message to itself, and deletes it.")
    return message


def _anonymous(code: int, answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return f"{code} {_PRIVATE.sub('ADDRESS', ' '.join(text.split()))}"


def _collect(
    connection: imaplib.IMAP4, outcomes: dict[str, Outcome], token: str, wait: float,
    clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep,
) -> None:  # fmt: skip
    """Read and delete the messages that have arrived, until all have or the time is over."""
    deadline = clock() + wait
    while True:
        for folder in _folders(connection):
            for message in _taken(connection, folder, token):
                name = message[MARK].strip().removeprefix(f"{token}-")
                outcomes[name].state, outcomes[name].folder, outcomes[name].message = ARRIVED, folder, message
        if all(outcome.state != LOST for outcome in outcomes.values()) or clock() >= deadline:
            return
        sleep(LOOK_SECONDS)


def _folders(connection: imaplib.IMAP4) -> list[str]:
    _status, lines = connection.list()
    found = [line.decode() for line in lines if isinstance(line, bytes) and b"\\noselect" not in line.lower()]
    return [line.rpartition(' "')[2].rstrip('"') if line.endswith('"') else line.rpartition(" ")[2] for line in found]


def _taken(connection: imaplib.IMAP4, folder: str, token: str) -> list[EmailMessage]:
    """Return the probe's messages in a folder, and delete them there."""
    if connection.select(f'"{folder}"')[0] != "OK":
        return []
    _status, answer = connection.uid("SEARCH", "HEADER", MARK, token)
    taken = []
    for uid in (answer[0] or b"").decode().split():
        _status, parts = connection.uid("FETCH", uid, "(BODY.PEEK[])")
        octets = next(part[1] for part in parts if isinstance(part, tuple))
        taken.append(email.message_from_bytes(octets, policy=email.policy.default))
        connection.uid("STORE", uid, "+FLAGS.SILENT", r"(\Deleted)")
    if taken:
        connection.expunge()
    return taken


def facts(found: Findings, alias: str, redirection: str | None, resolver: Resolver) -> dict[str, Any]:
    """Return what was found out, with nothing private in it."""
    states = {name: outcome.state for name, outcome in found.outcomes.items()}
    return {
        "states": states,
        "answers": {name: outcome.answer for name, outcome in found.outcomes.items() if outcome.answer},
        "moved": {
            name: outcome.folder for name, outcome in found.outcomes.items() if outcome.folder not in ("", "INBOX")
        },
        "alias_header": _header_with(found.outcomes["alias_receipt"], alias),
        "redirection_header": _header_with(found.outcomes["redirection"], redirection) if redirection else None,
        "forged_results_removed": _forged_removed(found.outcomes.values()),
        "capabilities": found.capabilities,
        "size_limit": found.size_limit,
        "dkim": _dkim(found.outcomes["alias_sender"], alias, resolver),
        "verp": states["plus_sender"] == ARRIVED and states["plus_receipt"] == ARRIVED,
    }


def _header_with(outcome: Outcome, address: str | None) -> str | None:
    if outcome.message is None or address is None:
        return None
    return next(
        (name for name in ENVELOPE_HEADERS for value in outcome.message.get_all(name, ()) if address in value.lower()),
        None,
    )


def _forged_removed(outcomes: Iterable[Outcome]) -> bool | None:
    messages = [outcome.message for outcome in outcomes if outcome.message is not None]
    if not messages:
        return None
    return not any(
        "forged by a probe" in value for message in messages for value in message.get_all("Authentication-Results", ())
    )


def _dkim(outcome: Outcome, author: str, resolver: Resolver) -> dict[str, Any] | None:
    """Return how a message in a list's name is signed; None when it isn't, or didn't arrive."""
    if outcome.message is None:
        return None
    domain = author.partition("@")[2]
    signatures = [dkim.signature(value) for value in outcome.message.get_all("DKIM-Signature", ())]
    aligned = [each for each in signatures if each.domain == domain]
    if not aligned:
        return {
            "signed": bool(signatures),
            "aligned": False,
            "selector": None,
            "covers_list_unsubscribe": False,
            "key_bits": None,
        }
    try:
        keys = resolver.lookup(aligned[0].key_name, "TXT")
    except DnsError:
        keys = []
    return {
        "signed": True,
        "aligned": True,
        "selector": aligned[0].selector,
        "covers_list_unsubscribe": UNSUBSCRIBE.lower() in aligned[0].covers,
        "key_bits": dkim.key_bits(keys[0]) if keys else None,
    }


QUESTIONS = {
    "alias_receipt": "mail to an alias",
    "alias_sender": "mail from an alias",
    "plus_sender": "mail from alias+tag",
    "foreign_sender": "envelope sender of another domain",
    "foreign_author": "author of another domain",
    "plus_receipt": "mail to alias+tag",
    "redirection": "mail to a redirection address",
}


def report(found: dict[str, Any]) -> str:
    """Return the facts as text that can be published."""
    lines = [f"{QUESTIONS[name]}: {_with_answer(state, found, name)}" for name, state in found["states"].items()]
    signed = found["dkim"]
    lines += [
        f"header with the alias: {found['alias_header'] or 'none'}",
        f"header with the redirection address: {found['redirection_header'] or 'none, or not tried'}",
        f"forged Authentication-Results removed: {_word(found['forged_results_removed'])}",
        f"IMAP: {' '.join(found['capabilities']) or 'none'} of {' '.join(CAPABILITIES)}",
        f"SIZE: {found['size_limit'] or 'not announced'}",
        f"DKIM in alignment: {_word(signed and signed['aligned'])}",
        f"DKIM covers {UNSUBSCRIBE}: {_word(signed and signed['covers_list_unsubscribe'])}",
        f"DKIM key: {_key_length(signed)}",
    ]
    return "\n".join(lines)


def _with_answer(state: str, found: dict[str, Any], name: str) -> str:
    answer, folder = found["answers"].get(name), found["moved"].get(name)
    return f"{state}{f' with {answer}' if answer else ''}{f', moved to {folder}' if folder else ''}"


def _key_length(signed: dict[str, Any] | None) -> str:
    bits = signed["key_bits"] if signed else None
    if bits is None:
        return "unknown"
    return f"{bits} bits, too short" if bits <= dkim.WEAK_BITS else f"{bits} bits"


def _word(value: bool | None) -> str:
    return "unknown" if value is None else "yes" if value else "no"
