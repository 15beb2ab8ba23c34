"""HyperKitty asks Mailman's core about every list now and then: above all, who may read its archive.

Postorius informs HyperKitty of its changes; changes through Mailman's REST API come with no notice. Nothing is changed
in HyperKitty: its functions are called, if they are as expected.
"""

from __future__ import annotations

from listkit.common.patching import Patch, Target


def update() -> None:
    """Ask core about every list. Raises Mismatch where HyperKitty is not as expected."""
    PATCH.verify()
    from hyperkitty.lib.mailman import get_new_lists_from_mailman
    from hyperkitty.models import MailingList

    get_new_lists_from_mailman()
    for mailing_list in MailingList.objects.all():
        mailing_list.update_from_mailman()


def _apply() -> None:
    """Change nothing: the functions are called, not replaced."""


PATCH = Patch(
    name="archive-policies",
    purpose="A list that is made private through the REST API keeps a public archive.",
    upstream="none filed",
    read_in=("hyperkitty 1.3.7", "hyperkitty 1.3.12"),
    fallback="Who may read an archive changes only with changes in Postorius, and daily.",
    targets=(
        Target("hyperkitty.lib.mailman:get_new_lists_from_mailman", "()"),
        Target("hyperkitty.models:MailingList.update_from_mailman", "(self)"),
    ),
    apply=_apply,
)
