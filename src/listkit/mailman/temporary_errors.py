"""Errors that pass by themselves: a full disk, a database that is out of reach, a lock that another process holds.

They say nothing about the message that is handled at the moment.
"""

from __future__ import annotations

import errno
from mailbox import ExternalClashError

DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
TEMPORARY_SQLSTATES = ("08", "40", "53", "57")
"""PostgreSQL's classes of temporary errors: connection, rolled back, out of resources, operator intervention."""


def is_temporary(error: BaseException | None) -> bool:
    """Return whether `error`, or one that led to it, passes by itself."""
    while error is not None:
        if isinstance(error, ExternalClashError) or (isinstance(error, OSError) and error.errno in DISK_FULL):
            return True
        # SQLAlchemy's error has the driver's in `orig`.
        if _is_database_unavailable(getattr(error, "orig", error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_database_unavailable(error: BaseException) -> bool:
    """Return whether psycopg2 says so; without a code there was no server to send one."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    code = getattr(error, "pgcode", None)
    is_operational = bool(kinds & {"OperationalError", "InterfaceError"})
    return is_operational and (code is None or code.startswith(TEMPORARY_SQLSTATES))
