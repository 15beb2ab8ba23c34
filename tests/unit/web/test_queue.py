"""The job queue in one process, with django-q's part played by the test."""

import contextlib
import inspect
import sys
import threading
import time
import types

import pytest

from listkit.common.patching import Mismatch
from listkit.web import queue
from listkit.web.patches import job_queue

"""A process number beyond the highest one that Linux gives."""


class Broker:
    def __init__(self, batches):
        self.batches, self.failed, self.acknowledged = batches, [], []

    def dequeue(self):
        return self.batches.pop(0) if self.batches else None

    def fail(self, acknowledgement):
        self.failed.append(acknowledgement)

    def acknowledge(self, acknowledgement):
        self.acknowledged.append(acknowledgement)


def job(name, func="somewhere.do", *args, **kwargs):
    return {"name": name, "func": func, "args": args, "kwargs": kwargs}


@pytest.fixture(autouse=True)
def signing(monkeypatch):
    """`django_q.signing`: a payload is its task; None is one that can't be read."""

    class BadSignature(Exception):
        pass

    class SignedPackage:
        @staticmethod
        def loads(payload):
            if payload is None:
                raise BadSignature
            return dict(payload)

    module = types.ModuleType("django_q.signing")
    module.BadSignature, module.SignedPackage = BadSignature, SignedPackage
    monkeypatch.setitem(sys.modules, "django_q", types.ModuleType("django_q"))
    monkeypatch.setitem(sys.modules, "django_q.signing", module)


def do_all(task_queue, result_queue, timer):
    for task in iter(task_queue.get, "STOP"):
        result_queue.put({**task, "success": True})


def do_slowly(task_queue, result_queue, timer):
    """The job's argument says how many seconds it takes."""
    for task in iter(task_queue.get, "STOP"):
        try:
            time.sleep(*task["args"])
        except Exception as error:
            result_queue.put({**task, "success": False, "result": str(error)})
        else:
            result_queue.put({**task, "success": True})


def make_worker(batches, time_limit=10):
    done = []

    def monitor(result_queue, broker):
        done.extend(iter(result_queue.get, "STOP"))

    broker = Broker(batches)
    return queue.Worker(do_all, monitor, broker, time_limit), broker, done


def test_a_batch_is_done_and_acknowledged_under_its_number():
    worker, _, done = make_worker([[(1, job("a")), (2, job("b"))]])
    assert worker.work() == 2
    assert [(task["ack_id"], task["name"], task["success"]) for task in done] == [(1, "a", True), (2, "b", True)]
    assert worker.work() == 0


def test_what_a_burst_of_posts_asks_for_many_times_is_done_once():
    rebuild = "hyperkitty.tasks.rebuild"
    batch = [(1, job("a", rebuild, "list1")), (2, job("b", rebuild, "list1")), (3, job("c", rebuild, "list2"))]
    worker, broker, done = make_worker([batch])
    assert worker.work() == 3
    assert [task["name"] for task in done] == ["a", "c"]
    assert broker.acknowledged == [2]


def test_the_same_job_of_another_application_is_done_each_time():
    worker, broker, done = make_worker([[(1, job("a", "shop.count", 1)), (2, job("b", "shop.count", 1))]])
    worker.work()
    assert [task["name"] for task in done] == ["a", "b"]
    assert broker.acknowledged == []


def test_a_function_and_its_name_are_the_same_job():
    assert queue._function_name(do_all) == f"{do_all.__module__}.do_all"
    assert queue._function_name("a.b") == "a.b"


def test_an_unreadable_job_is_dropped_and_the_others_are_done():
    worker, broker, done = make_worker([[(1, None), (2, job("b"))]])
    worker.work()
    assert broker.failed == [1]
    assert [task["name"] for task in done] == ["b"]


@pytest.fixture
def gave_up(monkeypatch):
    """Is set when the process would have ended; a job that can't be ended is given little time more."""
    event = threading.Event()
    monkeypatch.setattr(queue, "_give_up", event.set)
    monkeypatch.setattr(queue, "GRACE_SECONDS", 0.1)
    return event


def test_a_job_that_hangs_has_failed_and_the_others_are_done(gave_up):
    worker, _, done = make_worker(
        [[(1, job("a", "x", 0)), (2, job("b", "x", 9)), (3, job("c", "x", 0))]], time_limit=0.1
    )
    worker._worker = do_slowly
    worker.work()
    assert [(task["name"], task["success"]) for task in done] == [("a", True), ("b", False), ("c", True)]
    assert done[1]["result"] == "the job took too long"
    assert not gave_up.is_set()


def test_a_job_that_can_not_be_ended_ends_the_process(gave_up):
    worker, _, _ = make_worker([[(1, job("a"))]], time_limit=0.05)

    def hang(tasks, results, timer):
        for _ in range(2):
            with contextlib.suppress(TimeoutError):
                gave_up.wait(5)

    worker._worker = hang
    worker.work()
    assert gave_up.is_set()


def test_each_job_of_a_batch_has_its_own_time(gave_up):
    worker, _, done = make_worker([[(number, job(f"job {number}", "x", 0.3)) for number in range(4)]], time_limit=1)
    worker._worker = do_slowly
    worker.work()
    assert [task["success"] for task in done] == [True] * 4
    assert not gave_up.is_set()


def test_a_job_in_time_does_not_end_the_process():
    worker, _, _ = make_worker([[(1, job("a"))]])
    worker.work()
    assert all(timer.finished.is_set() for timer in threading.enumerate() if isinstance(timer, threading.Timer))


def module(**functions):
    made = types.ModuleType("made")
    for name, function in functions.items():
        setattr(made, name, function)
    return made


def worker_1(task_queue, result_queue, timer, timeout=None): ...
def monitor_1(result_queue, broker=None): ...
def console(run_once=False, broker=None): ...


def test_the_functions_of_debian_13_are_found(monkeypatch):
    monkeypatch.setitem(sys.modules, "django_q.monitor", module(monitor=monitor_1))
    monkeypatch.setitem(sys.modules, "django_q.worker", module(worker=worker_1))
    assert job_queue.functions() == (worker_1, monitor_1)


def test_the_functions_of_debian_12_are_found(monkeypatch):
    monkeypatch.setitem(sys.modules, "django_q.monitor", module(monitor=console))
    monkeypatch.setitem(sys.modules, "django_q.cluster", module(monitor=monitor_1, worker=worker_1))
    assert job_queue.functions() == (worker_1, monitor_1)


@pytest.mark.parametrize(
    "found",
    [{}, {"monitor": monitor_1}, {"monitor": monitor_1, "worker": console}, {"monitor": console, "worker": worker_1}],
)
def test_an_unknown_django_q_is_not_driven(monkeypatch, found):
    monkeypatch.setitem(sys.modules, "django_q.monitor", None)
    monkeypatch.setitem(sys.modules, "django_q.cluster", module(**found))
    with pytest.raises(Mismatch):
        job_queue.functions()


def test_the_fallback_is_django_qs_own_cluster(monkeypatch):
    calls = []
    monkeypatch.setattr(job_queue.os, "closerange", lambda *arguments: None)
    monkeypatch.setattr(job_queue.os, "execv", lambda path, arguments: calls.append(arguments))
    job_queue.become_cluster()
    assert calls == [["/usr/bin/python3", "/usr/share/mailman3-web/manage.py", "qcluster"]]


class TestChore:
    def make(self):
        state = {"newest": None, "now": 100.0, "done": 0}

        def do():
            state["done"] += 1

        return state, queue.Chore(do, 20, lambda: state["newest"], clock=lambda: state["now"])

    def test_with_nothing_to_do_nothing_is_done(self):
        state, chore = self.make()
        assert not chore.look()
        assert state["done"] == 0

    def test_a_change_is_dealt_with_once_and_not_more_often_than_the_interval(self):
        state, chore = self.make()
        state["newest"] = 1
        assert chore.look()
        state["newest"] = 2
        assert not chore.look()
        state["now"] += 21
        assert chore.look()
        state["now"] += 21
        assert not chore.look()
        assert state["done"] == 2

    def test_what_failed_is_tried_again(self):
        state, chore = self.make()
        state["newest"] = 1
        chore._do = lambda: 1 / 0
        with pytest.raises(ZeroDivisionError):
            chore.look()
        chore._do = lambda: None
        state["now"] += 21
        assert chore.look()

    def test_what_could_not_be_done_is_tried_again(self):
        state, chore = self.make()
        state["newest"] = 1
        chore._do = lambda: False
        assert not chore.look()
        chore._do = lambda: None
        state["now"] += 21
        assert chore.look()

    def test_without_a_state_it_is_done_at_every_interval(self):
        now, done = [100.0], []
        chore = queue.Chore(lambda: done.append(1), 20, state=lambda: now[0], clock=lambda: now[0])
        for _ in range(3):
            chore.look()
            now[0] += 21
        assert len(done) == 3


class TestTheSearch:
    @pytest.fixture
    def index(self, monkeypatch):
        index = types.SimpleNamespace(state=(1, 1), remaining=[0], updates=0)

        def update(most):
            index.updates += 1
            outcome = index.remaining.pop(0) if len(index.remaining) > 1 else index.remaining[0]
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        monkeypatch.setattr(queue.search_index, "state", lambda: index.state)
        monkeypatch.setattr(queue.search_index, "update", update)
        return index

    @pytest.fixture
    def search(self, index):
        chore = queue.chores()[0]
        now = [100.0]
        chore._clock = lambda: now[0]

        def look():
            now[0] += queue.INDEX_EVERY_SECONDS + 1
            return chore.look()

        return look

    def test_a_new_post_is_indexed_once(self, index, search):
        assert [search(), search()] == [True, False]
        index.state = (2, 2)
        assert search()
        assert index.updates == 2

    def test_a_post_that_a_slow_transaction_adds_below_the_newest_one_is_indexed(self, index, search):
        index.state = (7, 5)
        assert search()
        index.state = (7, 6)
        assert search()

    @pytest.mark.parametrize("trouble", [queue.search_index.IndexBusy("another process"), OSError("no space"), 500])
    def test_what_could_not_be_indexed_is_tried_again(self, index, search, trouble):
        index.remaining = [trouble, 0]
        assert [search(), search(), search()] == [False, True, False]


class TestATurn:
    def take(self, monkeypatch, jobs):
        """Return what happened in one turn with so many jobs waiting; a batch has ten at most."""
        happened = []

        class Jobs:
            def work(self):
                happened.append("jobs")
                return jobs

        monkeypatch.setattr(queue.time, "sleep", lambda seconds: happened.append("gather"))
        queue.take_turn(Jobs(), [queue.Chore(lambda: happened.append("chore"), 20)], 10)
        return happened

    @pytest.mark.parametrize(
        ("jobs", "happened"),
        [(0, ["chore", "jobs"]), (3, ["chore", "jobs", "gather"]), (10, ["chore", "jobs"])],
    )
    def test_a_stream_of_jobs_does_not_put_the_chores_off(self, monkeypatch, jobs, happened):
        assert self.take(monkeypatch, jobs) == happened


def test_the_entry_point_takes_no_arguments():
    """uwsgi calls `listkit.web.queue:run` with none."""
    assert not inspect.signature(queue.run).parameters
