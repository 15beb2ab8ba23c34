"""Django's job queue run by one process, a uwsgi mule, instead of the five of django-q's own cluster.

It also keeps the search index and the archives' policies up to date. It calls django-q's inner functions; where they
aren't as expected it logs that and becomes django-q's own cluster. The uwsgi master restarts it when it dies.
"""

from __future__ import annotations

import gc
import logging
import os
import queue
import signal
import threading
import time
from datetime import UTC, datetime
from multiprocessing import Value

from listkit.common.patching import Patching
from listkit.web import patches, search_index
from listkit.web.patches import archive_policies, job_queue

PAUSE_AFTER_FAILURE_SECONDS = 10
GATHER_SECONDS = 5
"""So long jobs may gather after a batch: the more there are, the more of them are repetitions."""
GRACE_SECONDS = 30
"""Seconds after its limit at which a job that couldn't be stopped ends the process."""
INDEX_EVERY_SECONDS = 20
INDEX_POSTS_AT_ONCE = 1000
"""Jobs wait while the index is updated."""
POLICIES_EVERY_SECONDS = 300
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

log = logging.getLogger("hyperkitty.queue")


def without_repetitions(tasks: list[dict]) -> tuple[list[dict], list[dict]]:
    """Return the tasks to do, and those that one of them does as well.

    HyperKitty's jobs recompute something from the database, several for each post: for a burst of posts,
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
    """Run batches of jobs from the broker."""

    def __init__(self, worker, monitor, broker, time_limit: float) -> None:
        self._worker, self._monitor, self._broker = worker, monitor, broker
        self._timer = Value("f", -1)
        self._time_limit = time_limit

    def work(self) -> int:
        """Do one batch of jobs, waiting for it a moment; return how many there were."""
        batch = self._broker.dequeue() or []
        unpacked = [self._unpack(acknowledgement, payload) for acknowledgement, payload in batch]
        tasks, repeated = without_repetitions([task for task in unpacked if task is not None])
        for task in tasks:
            self._do(task)
        for task in repeated:
            self._broker.acknowledge(task["ack_id"])
        return len(batch)

    def _do(self, task: dict) -> None:
        todo: queue.SimpleQueue[dict | str] = queue.SimpleQueue()
        done: queue.SimpleQueue[dict | str] = queue.SimpleQueue()
        todo.put(task)
        todo.put("STOP")
        # The master starts a new process, and the job is tried again.
        watchdog = threading.Timer(self._time_limit + GRACE_SECONDS, _give_up)
        watchdog.daemon = True
        watchdog.start()
        # As Debian 13's django-q does by itself: the attempt has failed, and there aren't many.
        signal.signal(signal.SIGALRM, _too_long)
        signal.setitimer(signal.ITIMER_REAL, self._time_limit)
        try:
            self._worker(todo, done, self._timer)
            done.put("STOP")
            self._monitor(done, self._broker)
        finally:
            watchdog.cancel()
            signal.setitimer(signal.ITIMER_REAL, 0)

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


def _too_long(signum, frame) -> None:
    raise TimeoutError("the job took too long")


def _give_up() -> None:
    log.error("a job hangs: the queue starts again")
    os._exit(1)


class Chore:
    """Something that is done now and then, when what it depends on has changed."""

    def __init__(self, do, interval: float, state=time.monotonic, clock=time.monotonic) -> None:
        """`do`: returns False when it couldn't be done, and is tried again.

        `state`: returns what `do` depends on, None when there is nothing to do. Without it, something always is.
        """
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
        if self._do() is False:
            return False
        self._done_for = state
        return True


def release_leftovers() -> int:
    """Make jobs available at once that our predecessor had taken when it died; return how many there are.

    Debian 12's django-q writes down when a job was taken, Debian 13's when it may be taken again: long ago suits both.
    """
    from django_q.models import OrmQ

    return OrmQ.objects.update(lock=LONG_AGO)


def waiting_jobs() -> int:
    """Return how many jobs are to be done, those included that somebody has taken."""
    from django_q.models import OrmQ

    return OrmQ.objects.count()


def chores() -> list[Chore]:
    """Return what is done beside the jobs."""

    def update_search() -> bool:
        """Return whether the index is complete."""
        try:
            return search_index.update(INDEX_POSTS_AT_ONCE) == 0
        except search_index.IndexBusy as error:
            log.info("%s; this one tries again in %d s", error, INDEX_EVERY_SECONDS)
        except Exception:
            log.exception("the search index couldn't be updated; next try in %d s", INDEX_EVERY_SECONDS)
        return False

    return [Chore(update_search, INDEX_EVERY_SECONDS, search_index.state)]


def take_turn(jobs: Worker, others: list[Chore], most: int) -> None:
    """Look at every chore, then run one batch of at most this many jobs."""
    # First, and in every turn: neither a stream of jobs nor one that always hangs keeps posts out of the search.
    for chore in others:
        chore.look()
    if 0 < jobs.work() < most:
        time.sleep(GATHER_SECONDS)


def run() -> None:
    """Work until the process ends; uwsgi's entry point."""
    gc.enable()
    from django.db import close_old_connections, connections

    connections.close_all()
    patching = Patching("web/queue")
    patching.apply(patches.QUEUE)
    if job_queue.PATCH.name not in patching.applied:
        log.error("django-q's own cluster runs instead, and needs more memory")
        job_queue.become_cluster()
        return
    from django_q.brokers import get_broker
    from django_q.conf import Conf

    jobs, others = Worker(*job_queue.functions(), get_broker(), Conf.TIMEOUT or 300), chores()
    if archive_policies.PATCH.name in patching.applied:
        others.append(Chore(archive_policies.update, POLICIES_EVERY_SECONDS))
    started = False
    while True:
        try:
            if not started:
                release_leftovers()
                started = True
            take_turn(jobs, others, Conf.BULK)
            close_old_connections()
        except Exception:
            log.exception("the queue couldn't work; it tries again in %d seconds", PAUSE_AFTER_FAILURE_SECONDS)
            connections.close_all()
            time.sleep(PAUSE_AFTER_FAILURE_SECONDS)
