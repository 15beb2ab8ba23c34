"""Every change to Mailman's code at run time, one module each. docs/reference/patches.md is made from them.

The modules can be imported without Mailman: what needs it is imported when a patch is applied.
"""

from listkit.mailman.patches import (
    archive_spool,
    atomic_handling,
    automatic_answers,
    automatic_mail,
    closed_lists,
    email_commands,
    forked_runners,
    former_lists,
    held_post_notices,
    help_language,
    list_archivers,
    list_defaults,
    lmtp_once,
    message_text,
    own_addresses,
    owner_mail_author,
    pending_lookups,
    posting_loops,
    provider_marks,
    refusal_notices,
    relay_refusals,
    reserved_names,
    setting_line_breaks,
    stale_digest_lock,
    tolerant_headers,
    umbrella_lists,
    unsendable_posts,
)

MASTER = (forked_runners.PATCH,)
"""Applied by `listkit mailman-master` before Mailman's master starts."""

CLASSES = (
    archive_spool.PATCH,
    automatic_answers.PATCH,
    closed_lists.PATCH,
    # Before those that import what it wraps.
    former_lists.PATCH,
    held_post_notices.PATCH,
    lmtp_once.PATCH,
    message_text.PATCH,
    refusal_notices.PATCH,
    pending_lookups.PATCH,
    # All three wrap the delivery; what goes to own addresses is recorded like the rest.
    relay_refusals.PATCH,
    own_addresses.PATCH,
    atomic_handling.PATCH,
    setting_line_breaks.PATCH,
    stale_digest_lock.PATCH,
    tolerant_headers.PATCH,
    umbrella_lists.PATCH,
)
"""Applied to Mailman's classes and functions, before Mailman's components exist."""

COMPONENTS = (
    automatic_mail.PATCH,
    email_commands.PATCH,
    help_language.PATCH,
    list_archivers.PATCH,
    list_defaults.PATCH,
    owner_mail_author.PATCH,
    # The last one's rule is asked first: what would be refused is not held.
    provider_marks.PATCH,
    posting_loops.PATCH,
    reserved_names.PATCH,
    unsendable_posts.PATCH,
)
"""Applied to Mailman's components, such as chains and pipelines, once they exist."""

PATCHES = (*MASTER, *CLASSES, *COMPONENTS)
