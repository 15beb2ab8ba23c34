"""HyperKitty asks Mailman for all known addresses at once, to learn which senders are users of Mailman.

Its daily job asked for each sender who is not a user: after the import of an old archive, for everyone who ever wrote.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator

from listkit.common.patching import Patch, Target
from listkit.common.rest import RestClient, RestError

ADDRESSES_PER_REQUEST = 500

log = logging.getLogger("hyperkitty.senders")


def sync_with_mailman(overwrite: bool = False) -> None:
    """Bring what HyperKitty keeps of lists and senders up to date; `overwrite`: also senders whose user it knows."""
    from hyperkitty.models import MailingList

    for mailing_list in MailingList.objects.all():
        mailing_list.update_from_mailman()
    identify_senders(overwrite=overwrite)


def identify_senders(*, overwrite: bool = False) -> None:
    """Note the Mailman user of each sender who is one; a request for 500 addresses that Mailman knows."""
    from django.conf import settings
    from django.db.models.functions import Lower
    from hyperkitty.models import Sender

    core = RestClient(
        settings.MAILMAN_REST_API_PASS, f"{settings.MAILMAN_REST_API_URL}/3.1", settings.MAILMAN_REST_API_USER
    )
    wanted = Sender.objects.annotate(lower=Lower("address"))
    if not overwrite:
        wanted = wanted.filter(mailman_id__isnull=True)
    try:
        for users in known_users(core):
            senders = list(wanted.filter(lower__in=users))
            for sender in senders:
                sender.mailman_id = users[sender.lower]
            Sender.objects.bulk_update(senders, ["mailman_id"])
    except RestError as error:
        log.warning("posts aren't linked to their senders' accounts: %s", error)


def known_users(core: RestClient) -> Iterator[dict[str, str]]:
    """Yield the users by address, in lower case, a part of them at a time. Raises RestError."""
    for page in itertools.count(1):
        entries = core.entries(f"addresses?count={ADDRESSES_PER_REQUEST}&page={page}")
        yield {entry["email"].lower(): entry["user"].rpartition("/")[2] for entry in entries if entry.get("user")}
        if len(entries) < ADDRESSES_PER_REQUEST:
            return


def _apply() -> None:
    from hyperkitty.lib import mailman

    mailman.sync_with_mailman = sync_with_mailman


PATCH = Patch(
    name="archive-senders",
    purpose="A daily job asks Mailman for each person who ever wrote and is not a user of Mailman, one by one.",
    upstream="none filed",
    read_in=("hyperkitty 1.3.7", "hyperkitty 1.3.12"),
    fallback="After the import of an old archive, the daily job keeps Mailman's REST API busy for minutes.",
    targets=(
        Target("hyperkitty.lib.mailman:sync_with_mailman", "(overwrite=False)"),
        Target("hyperkitty.models:MailingList.update_from_mailman", "(self)"),
        Target("hyperkitty.models:Sender.mailman_id"),
    ),
    apply=_apply,
)
