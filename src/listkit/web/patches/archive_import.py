"""An import of old posts doesn't compute for each post what can be computed for all of them together.

`listkit archive import` sets a thread's first post and date once for each batch, and the list of recent threads at its
end.
"""

from __future__ import annotations

from listkit.common.patching import Patch, Target


def _apply() -> None:
    from hyperkitty.models import MailingList, Thread

    MailingList.on_thread_added = Thread.on_email_added = _leave_to_the_import


def _leave_to_the_import(self, added) -> None:
    """Do nothing: the import does it for all new posts together."""


PATCH = Patch(
    name="archive-import",
    purpose="An import reads and writes the thread of each post, and the list's recent threads for each thread.",
    upstream="none filed",
    read_in=("hyperkitty 1.3.7", "hyperkitty 1.3.12"),
    fallback="`listkit archive import` refuses to import.",
    targets=(
        Target("hyperkitty.models:MailingList.on_thread_added", "(self, thread)"),
        Target("hyperkitty.models:Thread.on_email_added", "(self, email)"),
        Target("hyperkitty.models:MailingList.update_from_mailman", "(self)"),
        Target("hyperkitty.models:Email.set_parent", "(self, parent)"),
        Target("hyperkitty.lib.incoming:add_to_list", "(list_name, message, from_import=False)"),
        Target("hyperkitty.lib.incoming:DuplicateMessage"),
    ),
    apply=_apply,
)
