"""A post without a subject is archived with words in its place: HyperKitty stores and shows "None"."""

from __future__ import annotations

import functools

from listkit.common.message import decoding
from listkit.common.patching import Patch, Target


def wrap(add_to_list):
    """Wrap HyperKitty's function of this name."""

    @functools.wraps(add_to_list)
    def add_with_subject(list_name, message, *arguments, **more):
        """See `hyperkitty.lib.incoming`."""
        if not decoding.text(message.get("subject")):
            del message["subject"]
            message["Subject"] = decoding.NO_SUBJECT
        return add_to_list(list_name, message, *arguments, **more)

    return add_with_subject


def _apply() -> None:
    from hyperkitty.lib import incoming
    from hyperkitty.views import mailman

    mailman.add_to_list = incoming.add_to_list = wrap(incoming.add_to_list)


PATCH = Patch(
    name="missing-subjects",
    purpose='A post without a subject is shown as "None" in the archive; an empty subject makes a link without text.',
    upstream="none filed",
    read_in=("hyperkitty 1.3.7", "hyperkitty 1.3.12"),
    fallback='The archive shows "None" in place of a missing subject.',
    targets=(
        Target("hyperkitty.lib.incoming:add_to_list", "(list_name, message, from_import=False)"),
        Target("hyperkitty.views.mailman:add_to_list", "(list_name, message, from_import=False)"),
    ),
    apply=_apply,
)
