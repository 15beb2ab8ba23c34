"""An import of old posts doesn't compute the list of recent threads again with each new thread.

`listkit archive import` computes it once, at its end.
"""

from __future__ import annotations

from listkit.common.patching import Patch, Target


def _apply() -> None:
    from hyperkitty.models import MailingList

    MailingList.on_thread_added = _remember_nothing


def _remember_nothing(self, thread) -> None:
    """See `MailingList.on_thread_added`."""


PATCH = Patch(
    name="archive-import",
    purpose="An import asks the database for the list's recent threads once for each thread.",
    upstream="none filed",
    read_in=("hyperkitty 1.3.7", "hyperkitty 1.3.12"),
    fallback="`listkit archive import` refuses to import.",
    targets=(
        Target("hyperkitty.models:MailingList.on_thread_added", "(self, thread)"),
        Target("hyperkitty.models:MailingList.update_from_mailman", "(self)"),
        Target("hyperkitty.models:Email.set_parent", "(self, parent)"),
        Target("hyperkitty.lib.incoming:add_to_list", "(list_name, message, from_import=False)"),
        Target("hyperkitty.lib.incoming:DuplicateMessage"),
        Target("mailmanclient:Client.get_member_page"),
    ),
    apply=_apply,
)
