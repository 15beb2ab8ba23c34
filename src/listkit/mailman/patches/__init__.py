"""Every change to Mailman's code at run time, one module each. docs/reference/patches.md is made from them.

The modules can be imported without Mailman: what needs it is imported when a patch is applied.
"""

from listkit.mailman.patches import (
    atomic_handling,
    forked_runners,
    list_archivers,
    list_defaults,
    lmtp_once,
    owner_mail_author,
    stale_digest_lock,
    unsendable_posts,
)

MASTER = (forked_runners.PATCH,)
"""Applied by `listkit mailman-master` before Mailman's master starts."""

CLASSES = (atomic_handling.PATCH, stale_digest_lock.PATCH, lmtp_once.PATCH)
"""Applied to Mailman's classes, before Mailman's components exist."""

COMPONENTS = (list_archivers.PATCH, list_defaults.PATCH, unsendable_posts.PATCH, owner_mail_author.PATCH)
"""Applied to Mailman's components, such as chains and pipelines, once they exist."""

PATCHES = (*MASTER, *CLASSES, *COMPONENTS)
