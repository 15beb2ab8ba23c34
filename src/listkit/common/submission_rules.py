"""Mail that the mail service refuses to send: `/etc/listkit/submission-filter.json`, which the role `relay` writes.

{"forbidden_extensions": ["exe", "scr"], "message_size_limit": 52428800}
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from listkit.common.configuration import Table, load

CONFIGURATION = Path("/etc/listkit/submission-filter.json")
MOST_HOPS = 30
"""Mail servers that a message that is sent may have passed. The next ones refuse it from 50 on, or earlier, since it
seems to go in circles: ours, the provider's, and a recipient's, who may forward it."""


@dataclass(frozen=True)
class SubmissionRules:
    """File name extensions without a dot, and the size limit in bytes; 0 is no limit."""

    forbidden_extensions: tuple[str, ...] = ()
    message_size_limit: int = 0


def rules(path: Path = CONFIGURATION) -> SubmissionRules:
    """Read the rules; nothing is forbidden where the file doesn't exist. Raises ConfigurationError."""
    return load(path, _rules, missing={})


def _rules(table: Table) -> SubmissionRules:
    return SubmissionRules(
        table.texts("forbidden_extensions", example="exe", default=(), may_be_empty=True),
        table.integer("message_size_limit", 0, 2**40, default=0),
    )
