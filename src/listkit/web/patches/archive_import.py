"""An import of old posts doesn't compute for each post what can be computed for all of them together.

`listkit archive import` sets a thread's first post and date once for each batch, and the list of recent threads at its
end. While it stores posts, it answers HyperKitty's questions for rows from memory.
"""

from __future__ import annotations

from listkit.common.patching import Patch, Target


def _apply() -> None:
    from hyperkitty.models import Email, MailingList

    MailingList.on_thread_added = Email.on_post_created = _leave_to_the_import


def _leave_to_the_import(self, thread=None) -> None:
    """Do nothing: the import does it for all new posts together."""


PATCH = Patch(
    name="archive-import",
    purpose="An import reads and writes the list, the thread and the sender of each post, one round trip for each.",
    upstream="none filed",
    read_in=("hyperkitty 1.3.7", "hyperkitty 1.3.12"),
    fallback="`listkit archive import` refuses to import.",
    targets=(
        Target("hyperkitty.models:MailingList.on_thread_added", "(self, thread)"),
        Target("hyperkitty.models:Email.on_post_created", "(self)"),
        Target("hyperkitty.lib.incoming:MailingList"),
        Target("hyperkitty.lib.incoming:Sender"),
        Target("hyperkitty.lib.incoming:Email"),
        Target("hyperkitty.models:MailingList.update_from_mailman", "(self)"),
        Target("hyperkitty.models:Email.set_parent", "(self, parent)"),
        # `listkit.archive.known_rows` answers exactly the questions that it asks.
        Target(
            "hyperkitty.lib.incoming:add_to_list",
            "(list_name, message, from_import=False)",
            sources=("8f6b063f105b", "d6fae2049e5a"),
        ),
        Target("hyperkitty.lib.incoming:DuplicateMessage"),
    ),
    apply=_apply,
)
