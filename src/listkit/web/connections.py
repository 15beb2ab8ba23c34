"""A connection that the database has dropped is made anew, instead of failing the page that finds it.

Django does so by itself since 4.1 (`CONN_HEALTH_CHECKS`); Debian 12 has an older one.
"""

from __future__ import annotations


def listen() -> None:
    """Look at the connections whenever a request begins, unless Django does."""
    from django.core.signals import request_started
    from django.db.backends.base.base import BaseDatabaseWrapper

    if not hasattr(BaseDatabaseWrapper, "close_if_health_check_failed"):
        request_started.connect(close_dropped, dispatch_uid="listkit.web.connections")


def close_dropped(**_) -> None:
    """Close what can't be used any more: the next query connects."""
    from django.db import connections

    for connection in connections.all():
        if connection.connection is not None and not connection.is_usable():
            connection.close()
