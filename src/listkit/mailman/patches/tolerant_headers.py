"""Headers that can't be decoded or encoded don't keep a message from being handled (RFC 2047, section 6.3).

The bridge cleans every message that it delivers. Others reach Mailman too: by its REST API, from HyperKitty's form, or
held before the bridge cleaned messages.
"""

from __future__ import annotations

import sys

from listkit.common.message import decoding
from listkit.common.patching import Patch, Target

REPLACED = {
    "mailman.chains.headers": ("decode_header", "make_header"),
    "mailman.commands.cli_notify": ("decode_header", "make_header"),
    "mailman.commands.eml_membership": ("decode_header", "make_header"),
    "mailman.email.message": ("decode_header", "make_header"),
    "mailman.handlers.avoid_duplicates": ("formataddr",),
    "mailman.handlers.cook_headers": ("formataddr",),
    "mailman.handlers.dmarc": ("decode_header", "formataddr"),
    "mailman.handlers.subject_prefix": ("decode_header", "make_header"),
    "mailman.rest.post_moderation": ("decode_header", "make_header"),
    "mailman.runners.command": ("decode_header", "make_header"),
    "mailman.utilities.string": ("decode_header", "make_header"),
}
"""The standard library's functions that these modules call with strangers' text."""

PARAMETERS = {
    "decode_header": "(header)",
    "make_header": "(decoded_seq, maxlinelen=None, header_name=None, continuation_ws=' ')",
    "formataddr": "(pair, charset='utf-8')",
}


def _apply() -> None:
    for module, names in REPLACED.items():
        for name in names:
            setattr(sys.modules[module], name, getattr(decoding, name))


PATCH = Patch(
    name="tolerant-headers",
    purpose="A broken encoded word, an unknown charset or an address outside ASCII in one message stops its handling, "
    "and the daily notices to the moderators of all lists.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="Mailman shunts such messages, unless the bridge has cleaned them.",
    targets=tuple(Target(f"{module}:{name}", PARAMETERS[name]) for module, names in REPLACED.items() for name in names),
    apply=_apply,
)
