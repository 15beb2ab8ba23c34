"""Django's job queue runs in one process instead of django-q's five; see `listkit.web.queue`.

Nothing is changed in django-q: its inner functions are called, if they are as expected.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from listkit.common.patching import Patch, Target
from listkit.web import PROJECT

INTERPRETER = "/usr/bin/python3"
FIRST_UNUSED_DESCRIPTOR = 3

WORKER = Target(
    "django_q.worker:worker",
    "(task_queue, result_queue, timer, …",
    alternative=Target("django_q.cluster:worker", "(task_queue, result_queue, timer, …"),
)
# Debian 12 has the console's in the first place.
MONITOR = Target(
    "django_q.monitor:monitor",
    "(result_queue, broker=None)",
    alternative=Target("django_q.cluster:monitor", "(result_queue, broker=None)"),
)


def functions() -> tuple[Callable, Callable]:
    """Return django-q's `worker` and `monitor`. Raises Mismatch where they are not as expected."""
    return WORKER.find(), MONITOR.find()


def become_cluster() -> None:
    """Turn this process into django-q's own job queue."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.closerange(FIRST_UNUSED_DESCRIPTOR, os.sysconf("SC_OPEN_MAX"))
    os.execv(INTERPRETER, [INTERPRETER, str(PROJECT / "manage.py"), "qcluster"])  # noqa: S606 -- no shell is wanted


def _apply() -> None:
    """Change nothing: the functions are called, not replaced."""


PATCH = Patch(
    name="job-queue",
    purpose="django-q's cluster needs five processes and 28 MiB more, and runs each of HyperKitty's repeated jobs.",
    upstream="none filed",
    read_in=("django-q 1.3.9", "django-q2 1.7.4", "hyperkitty 1.3.7", "hyperkitty 1.3.12"),
    fallback="django-q's own cluster runs, and needs more memory.",
    targets=(
        WORKER,
        MONITOR,
        Target("django_q.brokers:get_broker"),
        Target("django_q.conf:Conf.BULK"),
        Target("django_q.signing:SignedPackage.loads"),
        Target("django_q.models:OrmQ"),
        Target("flufl.lock:Lock.lock"),
        Target("haystack:connections"),
        Target("hyperkitty.search_indexes:EmailIndex"),
        Target("xapian_backend:TERM_PREFIXES"),
        Target("xapian_backend:XapianSearchBackend.update"),
    ),
    apply=_apply,
)
