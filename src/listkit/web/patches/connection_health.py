"""A connection that the database has dropped is opened again, instead of failing the page that finds it.

Django does so by itself since 4.1 (`CONN_HEALTH_CHECKS`); Debian 12 has an older one.
"""

from __future__ import annotations

from listkit.common.patching import Patch, Target


def _apply() -> None:
    from django.core.signals import request_started
    from django.db.backends.base.base import BaseDatabaseWrapper

    if not hasattr(BaseDatabaseWrapper, "close_if_health_check_failed"):
        request_started.connect(close_dropped, dispatch_uid="listkit.web.connection_health")


def close_dropped(**_) -> None:
    """Close each connection that can't be used any more: the next query connects."""
    from django.db import connections

    for connection in connections.all():
        if connection.connection is not None and not connection.is_usable():
            connection.close()


PATCH = Patch(
    name="connection-health",
    purpose="After a restart of the database the next page of each process is an error.",
    upstream="https://code.djangoproject.com/ticket/24810",
    read_in=("django 3.2", "django 4.2"),
    fallback="The next page of each process is an error.",
    targets=(
        Target("django.core.signals:request_started"),
        Target("django.db.backends.base.base:BaseDatabaseWrapper.is_usable", "(self)"),
        Target("django.db.backends.base.base:BaseDatabaseWrapper.close", "(self)"),
    ),
    apply=_apply,
)
