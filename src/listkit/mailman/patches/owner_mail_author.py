"""Mail to a list's owners goes out from an address that the mail account may send as."""

from __future__ import annotations

from listkit.common.patching import Patch, Target

PIPELINE = "default-owner-pipeline"
SENDING_HANDLER = "to-outgoing"


def _apply() -> None:
    from mailman.config import config

    from listkit.mailman.owner_mail import OwnerMailAuthor

    insert(config.pipelines[PIPELINE], OwnerMailAuthor())


def insert(pipeline, handler) -> None:
    """Make `pipeline` (`IPipeline`) run `handler` before it sends."""
    names = [handler.name for handler in pipeline]
    pipeline._handlers.insert(names.index(SENDING_HANDLER), handler)


PATCH = Patch(
    name="owner-mail-author",
    purpose="Mailman sends what is written to `list-owner@` on with its author's From, which the provider refuses.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="The provider refuses mail to a list's owners.",
    targets=(
        Target("mailman.handlers.dmarc:munged_headers", "(mlist, msg, msgdata)"),
        Target("mailman.pipelines.base:BasePipeline.__init__", "(self)", ("bfc53e8e8b2a",)),
        Target("mailman.pipelines.builtin:OwnerPipeline"),
    ),
    apply=_apply,
)
