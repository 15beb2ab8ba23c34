# SPDX-License-Identifier: MIT
"""Settings of a mailbox, and those that get in the way of a program that reads it, such as a list server."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from ansible_collections.listkit.infomaniak.plugins.module_utils.client import Client, Written, segment
from ansible_collections.listkit.infomaniak.plugins.module_utils.names import truth

# Fields of a mailbox that Infomaniak answers only when asked for them.
ON_REQUEST = (
    "auto_responder",
    "has_auto_responder",
    "has_dkim_signature",
    "has_mail_filtering",
    "has_move_spam",
    "has_redirection",
    "smtpban_auth",
    "smtpban_bounce",
    "smtpban_url",
)
# The name of each setting in the API: for this mailbox, or for the whole Mail Service.
MAILBOX_FIELDS = {"move_spam": "has_move_spam", "mail_filtering": "has_mail_filtering"}
SERVICE_FIELDS = {
    "spam_filter": "spam_filter_enabled",
    "promotion_filter": "promotion_filter_enabled",
    "external_mail_flag": "external_mail_flag_enabled",
    "dkim": "dkim_enabled",
}


@dataclass(frozen=True)
class Settings:
    """The settings of a mailbox; None is one that Infomaniak didn't answer."""

    auto_reply: bool | None
    forwarding: list[str]
    move_spam: bool | None
    mail_filtering: bool | None
    spam_filter: bool | None
    promotion_filter: bool | None
    external_mail_flag: bool | None
    dkim: bool | None
    sending_blocked: bool
    unblock_url: str | None
    free_plan: bool | None

    def as_result(self) -> dict[str, Any]:
        """Return them as a module answers them."""
        return asdict(self)


# For each setting, the value that suits a program, the problem with any other, and the way to change it by hand.
FOR_PROGRAMS: dict[str, tuple[Any, str, str]] = {
    "auto_reply": (
        False,
        "An autoresponder answers messages to the mailbox, and so every post to a list.",
        "Switch it off in the webmail: Settings > Auto-reply.",
    ),
    "forwarding": (
        [],
        "The mailbox forwards its messages, and so posts and bounces.",
        "Remove the addresses in the webmail: Settings > Forwarding.",
    ),
    "move_spam": (
        False,
        "Infomaniak moves messages that it classifies as spam to another folder, where a program doesn't look.",
        "Switch it off in the webmail: Settings > Spam.",
    ),
    "mail_filtering": (
        False,
        "Infomaniak sorts advertising and social networks into other folders, where a program doesn't look.",
        "Switch it off in the webmail: Settings > Mail filtering.",
    ),
    "promotion_filter": (
        False,
        "Infomaniak sorts advertising into another folder, where a program doesn't look.",
        "Switch it off in the Manager: Mail Service > Global preferences.",
    ),
    "external_mail_flag": (
        False,
        "Infomaniak marks messages from outside, which changes posts before they reach a list.",
        "Switch it off in the Manager: Mail Service > Global preferences.",
    ),
    "dkim": (
        True,
        "Outgoing messages aren't signed with DKIM, so that other providers refuse them or classify them as spam.",
        "Switch it on in the Manager: Mail Service > Global security > DKIM.",
    ),
    "sending_blocked": (
        False,
        "Infomaniak has blocked the mailbox from sending (SMTPban), after too many messages or unknown recipients.",
        "Find the cause first, then use the link in Infomaniak's message to you, or unblock_url.",
    ),
}

ONLY_BY_HAND = ("sending_blocked",)


def find(client: Client, mailbox: str, hosting: str) -> Settings:
    """Return the settings of the mailbox at the path `mailbox` of the Mail Service at the path `hosting`."""
    found = client.get(mailbox, {"with": ",".join(ON_REQUEST)}) or {}
    service = client.get(f"{hosting}/preferences") or {}
    responder = found.get("auto_responder")
    is_active = responder.get("is_active") if isinstance(responder, dict) else None
    return Settings(
        auto_reply=truth(found.get("has_auto_responder") if is_active is None else is_active),
        forwarding=[] if truth(found.get("has_redirection")) is False else find_forwarding(client, mailbox),
        move_spam=truth(found.get("has_move_spam")),
        mail_filtering=truth(found.get("has_mail_filtering")),
        spam_filter=truth(service.get("spam_filter_enabled")),
        promotion_filter=truth(service.get("promotion_filter_enabled")),
        external_mail_flag=truth(service.get("external_mail_flag_enabled")),
        dkim=truth(found.get("has_dkim_signature")),
        sending_blocked=bool(
            truth(found.get("smtpban_auth")) or truth(found.get("smtpban_bounce")) or found.get("smtpban_url")
        ),
        unblock_url=found.get("smtpban_url") or None,
        free_plan=truth(found.get("is_free_mail")),
    )


def find_forwarding(client: Client, mailbox: str) -> list[str]:
    """Return the addresses that the mailbox at this path forwards to."""
    answer = client.get(f"{mailbox}/forwarding_addresses") or {}
    # The description spells it with one d.
    addresses = answer.get("redirect_adresses") or answer.get("redirect_addresses") or ()
    return sorted(address["email"].lower() for address in addresses)


def wanted(have: Settings, given: dict[str, Any]) -> Settings:
    """Return the settings after the change; raise ValueError for a setting that the mailbox lacks."""
    unknown = [name for name in given if getattr(have, name) is None]
    if unknown:
        raise ValueError(
            f"Infomaniak doesn't answer {', '.join(unknown)} for this mailbox; set it in the webmail or the Manager, "
            "and leave the option out"
        )
    return replace(have, **given)


def suitable(have: Settings) -> dict[str, Any]:
    """Return the settings that get in the way of a program and can be changed, with the values that suit it."""
    return {
        name: value
        for name, (value, _problem, _fix) in FOR_PROGRAMS.items()
        if name not in ONLY_BY_HAND and getattr(have, name) not in (value, None)
    }


def converge(client: Client, mailbox: str, hosting: str, have: Settings, after: Settings) -> Settings:
    """Change the settings that differ and return them as they are then."""
    changed = [field.name for field in fields(Settings) if getattr(have, field.name) != getattr(after, field.name)]
    written: list[Written] = []
    for path, names in ((mailbox, MAILBOX_FIELDS), (f"{hosting}/preferences", SERVICE_FIELDS)):
        if body := {field: getattr(after, name) for name, field in names.items() if name in changed}:
            written.append(client.patch(path, body))
    if "forwarding" in changed:
        written += _forward(client, f"{mailbox}/forwarding_addresses", have.forwarding, after.forwarding)
    if "auto_reply" in changed:
        written += _stop_replying(client, f"{mailbox}/auto_reply/model")
    if not changed:
        return have
    return client.confirm(
        lambda: find(client, mailbox, hosting),
        lambda found: all(getattr(found, name) == getattr(after, name) for name in changed),
        f"settings to change: {', '.join(changed)}",
        any(each.asynchronous for each in written),
    )


def _forward(client: Client, path: str, have: list[str], after: list[str]) -> list[Written]:
    gone = [client.delete(f"{path}/{segment(address)}") for address in have if address not in after]
    return gone + [client.post(path, {"redirect_address": address}) for address in after if address not in have]


def _stop_replying(client: Client, path: str) -> list[Written]:
    active = [reply for reply in client.get_all(path) if truth(reply.get("is_active"))]
    return [client.patch(f"{path}/{reply['id']}", {"is_active": False}) for reply in active]


def problems(settings: Settings) -> list[dict[str, Any]]:
    """Return what gets in the way of a program that reads the mailbox, and how to change it."""
    return [
        {"setting": name, "value": value, "problem": problem, "fix": fix}
        for name, (suitable, problem, fix) in FOR_PROGRAMS.items()
        if (value := getattr(settings, name)) not in (suitable, None)
    ]
