"""Django's job queue worked off by one process, a uwsgi mule, where django-q's own cluster takes five.

It also keeps the search index and the archives' policies fresh. It uses django-q's inner functions; where they aren't
as expected it says so and becomes the packaged cluster instead. The master starts it again when it dies.
"""

from __future__ import annotations

import gc
import logging
import os
import queue
import signal
import threading
import time
from multiprocessing import Value

from listkit.web import PROJECT
from listkit.web.sync import sync

PAUSE_AFTER_FAILURE_SECONDS = 10
INDEX_EVERY_SECONDS = 20
SYNC_EVERY_SECONDS = 300
FIRST_UNUSED_DESCRIPTOR = 3
INTERPRETER = "/usr/bin/python3"

log = logging.getLogger("hyperkitty.queue")


class Unexpected(Exception):
    """This django-q isn't one that we know how to drive."""


def django_q_functions():
    """Return django-q's `worker` and `monitor`; `Unexpected` when they aren't where, or what, we know."""
    import inspect

    try:
        from django_q.monitor import monitor

        if "result_queue" not in inspect.signature(monitor).parameters:
            raise ImportError("django_q.monitor.monitor is the console's")
        from django_q.worker import worker
    except ImportError:
        try:
            from django_q.cluster import monitor, worker
        except ImportError as error:
            raise Unexpected(str(error)) from error
    for function, wanted in ((worker, ["task_queue", "result_queue", "timer"]), (monitor, ["result_queue", "broker"])):
        if list(inspect.signature(function).parameters)[: len(wanted)] != wanted:
            raise Unexpected(f"{function.__module__}.{function.__name__} doesn't begin with {', '.join(wanted)}")
    return worker, monitor


def become_cluster(reason: str) -> None:
    """Turn this process into the packaged job queue."""
    log.error("falling back to django-q's own cluster, which takes more memory: %s", reason)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.closerange(FIRST_UNUSED_DESCRIPTOR, os.sysconf("SC_OPEN_MAX"))
    os.execv(INTERPRETER, [INTERPRETER, str(PROJECT / "manage.py"), "qcluster"])  # noqa: S606 -- no shell is wanted


def without_repetitions(tasks: list[dict]) -> tuple[list[dict], list[dict]]:
    """Return the tasks to do, and those that one of them does as well.

    HyperKitty's jobs compute something anew from what is in the database, several for each post: for a burst of posts,
    doing each once is as good as doing it for each post, and ten times as quick. Other applications' jobs may count.
    """
    todo, repeated, seen = [], [], set()
    for task in tasks:
        name = _function_name(task["func"])
        key = (name, repr(task.get("args")), repr(task.get("kwargs")))
        if name.startswith("hyperkitty.") and key in seen:
            repeated.append(task)
        else:
            todo.append(task)
            seen.add(key)
    return todo, repeated


def _function_name(function) -> str:
    return function if isinstance(function, str) else f"{function.__module__}.{function.__qualname__}"


class Worker:
    """Takes batches of jobs from the broker and does them."""

    def __init__(self, worker, monitor, broker, time_limit: float) -> None:
        self._worker, self._monitor, self._broker = worker, monitor, broker
        self._timer = Value("f", -1)
        self._time_limit = time_limit

    def work(self) -> int:
        """Do one batch of jobs, waiting for it a moment; return how many there were."""
        batch = self._broker.dequeue() or []
        unpacked = [self._unpack(acknowledgement, payload) for acknowledgement, payload in batch]
        tasks, repeated = without_repetitions([task for task in unpacked if task is not None])
        if tasks:
            self._do(tasks)
        for task in repeated:
            self._broker.acknowledge(task["ack_id"])
        return len(batch)

    def _do(self, tasks: list[dict]) -> None:
        todo, done = queue.SimpleQueue(), queue.SimpleQueue()
        for task in [*tasks, "STOP"]:
            todo.put(task)
        # A job that hangs takes the process with it: the master starts a new one, and the job is tried again later.
        watchdog = threading.Timer(self._time_limit * len(tasks), _give_up)
        watchdog.daemon = True
        watchdog.start()
        try:
            self._worker(todo, done, self._timer)
            done.put("STOP")
            self._monitor(done, self._broker)
        finally:
            watchdog.cancel()

    def _unpack(self, acknowledgement, payload):
        from django_q.signing import BadSignature, SignedPackage

        try:
            task = SignedPackage.loads(payload)
        except (TypeError, BadSignature):
            log.exception("a job that can't be read is dropped")
            self._broker.fail(acknowledgement)
            return None
        task["ack_id"] = acknowledgement
        return task


def _give_up() -> None:
    log.error("a job hangs: the queue starts again")
    os._exit(1)


class Chore:
    """Something that is done now and then while there are no jobs, when what it depends on has changed."""

    def __init__(self, do, interval: float, state=time.monotonic, clock=time.monotonic) -> None:
        """`state`: returns what `do` depends on, None when there is nothing to do. Without it, something always is."""
        self._do, self._interval, self._state, self._clock = do, interval, state, clock
        self._done_for = None
        self._next = 0.0

    def look(self) -> bool:
        """Do it if it is time and something has changed; tell whether it was done."""
        if self._clock() < self._next:
            return False
        self._next = self._clock() + self._interval
        state = self._state()
        if state is None or state == self._done_for:
            return False
        self._do()
        self._done_for = state
        return True


def release_leftovers() -> int:
    """Make jobs available at once that our predecessor had taken when it died; return how many."""
    from django.utils import timezone
    from django_q.models import OrmQ

    now = timezone.now()
    return OrmQ.objects.filter(lock__gt=now).update(lock=now)


def chores() -> list[Chore]:
    """Return what is done beside the jobs."""
    from hyperkitty.lib.utils import run_with_lock
    from hyperkitty.models import Email
    from hyperkitty.search_indexes import update_index

    def newest_post() -> int | None:
        return Email.objects.order_by("-id").values_list("id", flat=True).first()

    return [
        Chore(lambda: run_with_lock(update_index, remove=False), INDEX_EVERY_SECONDS, newest_post),
        Chore(sync, SYNC_EVERY_SECONDS),
    ]


def run() -> None:
    """Work until the process ends; uwsgi's entry point."""
    gc.enable()
    from django.db import close_old_connections, connections

    connections.close_all()
    try:
        worker, monitor = django_q_functions()
        from django_q.brokers import get_broker
        from django_q.conf import Conf

        jobs, others = Worker(worker, monitor, get_broker(), Conf.TIMEOUT or 300), chores()
    except (Unexpected, ImportError, AttributeError) as error:
        become_cluster(str(error))
        return
    started = False
    while True:
        try:
            if not started:
                release_leftovers()
                started = True
            if jobs.work() == 0:
                for chore in others:
                    chore.look()
            close_old_connections()
        except Exception:
            log.exception("the queue couldn't work; it tries again in %d seconds", PAUSE_AFTER_FAILURE_SECONDS)
            connections.close_all()
            time.sleep(PAUSE_AFTER_FAILURE_SECONDS)
