# SPDX-License-Identifier: MIT
"""Infomaniak's error codes in plain words, with advice."""

from __future__ import annotations

# Where a token is made and its rights are changed.
TOKENS = "https://manager.infomaniak.com/v3/ng/accounts/token/list"

# For each code, the problem, and the next step.
EXPLANATIONS = {
    "alias_does_not_exist": (
        "The mailbox has no such alias.",
        "Nothing is left to remove; check the spelling if you expected one.",
    ),
    "alias_limit_reached": (
        "The mailbox has as many aliases as the plan allows: 50 on paid plans, 1 on the free one.",
        "Leave out the -subscribe and -unsubscribe aliases, which do the same as -join and -leave; or receive some "
        "addresses by redirection addresses, by a second mailbox or, on paid plans, by a catch-all mailbox.",
    ),
    "cannot_add_redirection": (
        "Infomaniak could not add the forwarding address.",
        "Run again in a few minutes; if it fails again, add it in the webmail under Settings > Forwarding.",
    ),
    "cannot_create_alias_for_generic_mailbox": (
        "A generic mailbox such as a catch-all can't have aliases.",
        "Use an ordinary mailbox: a catch-all can neither have aliases nor send.",
    ),
    "cannot_create_alias_with_a_redirection": (
        "A redirection address has this name already.",
        "Remove the redirection address, or leave out the alias.",
    ),
    "cannot_create_object": (
        "Infomaniak could not create it, for a reason that it doesn't give.",
        "Run again in a few minutes; if it fails again, try in the Manager, which shows the reason.",
    ),
    "cannot_delete_object": (
        "Infomaniak could not remove it, for a reason that it doesn't give.",
        "Run again in a few minutes; if it fails again, try in the Manager, which shows the reason.",
    ),
    "cannot_get_redirection_addresses": (
        "Infomaniak could not read the mailbox's forwarding addresses.",
        "Run again in a few minutes.",
    ),
    "cannot_get_redirections_addresses": (
        "Infomaniak could not read the mailbox's forwarding addresses.",
        "Run again in a few minutes.",
    ),
    "cannot_remove_redirection": (
        "Infomaniak could not remove the forwarding address.",
        "Run again in a few minutes; if it fails again, remove it in the webmail under Settings > Forwarding.",
    ),
    "cannot_set_redirection_keep": (
        "Infomaniak could not set whether forwarded messages are kept.",
        "Check in the webmail under Settings > Forwarding that a copy is kept.",
    ),
    "cannot_update_object": (
        "Infomaniak could not change it, for a reason that it doesn't give.",
        "Run again in a few minutes; if it fails again, try in the Manager, which shows the reason.",
    ),
    "catchall_not_allow_for_starter": (
        "The free plan has no catch-all mailbox.",
        "Move the Mail Service to a paid plan, or use aliases or redirection addresses.",
    ),
    "device_already_exists": (
        "Another device has this label.",
        "Choose another label.",
    ),
    "device_already_has_access_to_mailbox": (
        "This device has a password for the mailbox already.",
        "Choose another label, or regenerate the password of this one.",
    ),
    "dns_record_already_exists": (
        "The zone has the same record already.",
        "Nothing is left to add.",
    ),
    "dns_record_mutual_exclusion": (
        "The record can't stand beside another of the same name: a CNAME must be the only record of its name.",
        "Remove the other record, or use another name.",
    ),
    "existing_device_can_only_have_one_user": (
        "The device belongs to another user.",
        "Choose another label, so that a new device is made.",
    ),
    "incorrect_redirect_address": (
        "The forwarding address isn't a full e-mail address.",
        "Write it as ana@example.org.",
    ),
    "invalid_dns_record": (
        "The target doesn't fit the type of the record.",
        "Write an IPv4 address for A, an IPv6 address for AAAA, a host name for CNAME, and a priority and a host name "
        "for MX, such as 5 mta-gw.infomaniak.ch.",
    ),
    "legacy_device_creation": (
        "The mailbox's old password can't be given to another device.",
        "Choose another label, so that a new device is made.",
    ),
    "legacy_device_deletion": (
        "The mailbox's old password can only be removed by the user that it belongs to.",
        "Log in to the Manager as that user, and remove it under Mail Service > mailbox > Devices.",
    ),
    "max_mailbox_redirection": (
        "The mailbox forwards to as many addresses as the plan allows: 100 on paid plans, 1 on the free one.",
        "Remove a forwarding address first.",
    ),
    "not_authorized": (
        "The API token is wrong or expired, or it may not do this.",
        f"Make a new one at {TOKENS} as an administrator of the organisation, with the scope mail, and domain for DNS.",
    ),
    "object_not_found": (
        "Infomaniak has no such thing, or hides it from this API token.",
        "Check the number of the Mail Service, which stands in its address in the Manager, the name of the mailbox or "
        "zone, and that an administrator of this organisation made the token.",
    ),
    "redirect_address_alias_or_mailboxname": (
        "A mailbox can't forward to itself or to an alias of its own.",
        "Leave out that forwarding address.",
    ),
    "redirect_address_already_exists": (
        "The mailbox forwards to this address already.",
        "Nothing is left to add.",
    ),
    "redirect_address_does_not_exist": (
        "The mailbox doesn't forward to this address.",
        "Nothing is left to remove; check the spelling if you expected one.",
    ),
    "too_much_redirections": (
        "The plan allows fewer forwarding addresses: 100 on paid plans, 1 on the free one.",
        "Shorten the list of forwarding addresses.",
    ),
    "unexpected_error": (
        "Infomaniak failed for a reason that it doesn't give.",
        "Run again in a few minutes.",
    ),
    "unknown_error": (
        "Infomaniak failed for a reason that it doesn't give.",
        "Run again in a few minutes.",
    ),
    "unsupported_dns_record_type": (
        "Infomaniak doesn't support this type of record.",
        "Use one of A, AAAA, CAA, CNAME, DNAME, DS, MX, NS, SMIMEA, SRV, SSHFP, TLSA and TXT.",
    ),
    "validation_failed": (
        "Infomaniak refused a value.",
        "Correct the fields that are named.",
    ),
    "zone_already_exists": (
        "The zone exists already.",
        "Add records to it instead.",
    ),
    "zone_does_not_exists": (
        "Infomaniak hosts no DNS zone of this name.",
        "Give the domain that the zone is named after; if its name servers are elsewhere, add the records there.",
    ),
    "zone_not_managed_by_infomaniak_dns": (
        "The zone's name servers aren't Infomaniak's.",
        "Add the records at the provider whose name servers the domain has.",
    ),
}

# For answers without a code that is known.
STATUSES = {
    401: EXPLANATIONS["not_authorized"],
    403: (
        "The API token may not do this.",
        f"Make a new one at {TOKENS} as an administrator of the organisation, with the scope mail, and domain for DNS; "
        "the right to manage aliases alone isn't enough.",
    ),
    404: EXPLANATIONS["object_not_found"],
    422: EXPLANATIONS["validation_failed"],
    429: ("Infomaniak had too many requests in one minute.", "Run again in a minute, or raise api_wait."),
    501: (
        "Infomaniak hasn't enabled this call for the account yet.",
        "Do it in the Manager instead; for device passwords: Mail Service > the mailbox > Devices > Add a device.",
    ),
}
OUTAGE = (
    "Infomaniak's API fails.",
    "Run again in a few minutes; https://infomaniakstatus.com says whether it is known.",
)


def explain(status: int, code: str | None) -> str:
    """Return the problem and the advice for an answer with an error; `code` is None when the answer has none."""
    if code in EXPLANATIONS:
        return " ".join(EXPLANATIONS[code])
    if status in STATUSES:
        return " ".join(STATUSES[status])
    return " ".join(OUTAGE) if status >= 500 else "Infomaniak refused the request."
