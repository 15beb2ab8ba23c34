"""The process: metrics, systemd, the command, and a whole life of it."""

from __future__ import annotations

import threading
import time

import pytest

from listkit.bridge.metrics import Metrics
from listkit.bridge.service import Service
from listkit.common import prometheus, systemd


def test_metrics_are_in_prometheus_form(tmp_path):
    metrics = Metrics()
    metrics.set("up", 1, mailbox='a"\\\n@example.org')
    metrics.add("delivered_total", mailbox="b@example.org")
    metrics.add("delivered_total", 2, mailbox="b@example.org")
    metrics.contact(mailbox="b@example.org")
    metrics.oldest_waiting(None, mailbox="b@example.org")
    prometheus.write(tmp_path / "metrics.prom", metrics.snapshot())
    text = (tmp_path / "metrics.prom").read_text()
    assert '# TYPE listkit_bridge_up gauge\nlistkit_bridge_up{mailbox="a\\"\\\\\\n@example.org"} 1\n' in text
    assert 'listkit_bridge_delivered_total{mailbox="b@example.org"} 3\n' in text
    assert 'listkit_bridge_oldest_waiting_seconds{mailbox="b@example.org"} 0\n' in text
    assert "listkit_bridge_seconds_since_contact" in text
    assert (tmp_path / "metrics.prom").stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.prom"]


def test_the_age_of_the_oldest_waiting_message_grows(monkeypatch):
    metrics = Metrics()
    metrics.oldest_waiting(1000, mailbox="a")
    monkeypatch.setattr("listkit.bridge.metrics.time.time", lambda: 1060)
    assert 'oldest_waiting_seconds{mailbox="a"} 60\n' in prometheus.render(metrics.snapshot())
    monkeypatch.setattr("listkit.bridge.metrics.time.time", lambda: 500)
    assert 'oldest_waiting_seconds{mailbox="a"} 0\n' in prometheus.render(metrics.snapshot())


def test_an_unheard_of_figure_is_a_mistake():
    with pytest.raises(KeyError):
        Metrics().set("upp", 1)


class OneWorker:
    """What the service needs of a worker."""

    account = "a@example.org"

    def __init__(self, is_alive: bool = True) -> None:
        self.is_alive = is_alive
        self.stopped = False
        self.abandoned = False

    def stop(self) -> None:
        self.stopped = True

    def abandon(self) -> None:
        self.abandoned = True


@pytest.fixture
def notified(monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(systemd, "notify", said.append)
    monkeypatch.setattr("listkit.bridge.service._TICK_SECONDS", 0.01)
    return said


def service() -> Service:
    class Configuration:
        metrics = None

    return Service(Configuration())


def test_the_watchdog_is_fed_while_every_thread_makes_progress(notified):
    one = service()
    thread = threading.Thread(target=threading.Event().wait, args=(5,), daemon=True)
    thread.start()
    threading.Timer(0.2, one.stop).start()
    assert not one.watch([OneWorker()], [thread])
    assert any(message.startswith("WATCHDOG=1") for message in notified)


def test_the_watchdog_starves_when_a_thread_is_stuck(notified):
    one = service()
    thread = threading.Thread(target=threading.Event().wait, args=(5,), daemon=True)
    thread.start()
    threading.Timer(0.2, one.stop).start()
    assert not one.watch([OneWorker(), OneWorker(is_alive=False)], [thread])
    assert notified == []


def test_a_stop_waits_for_all_stuck_threads_together(monkeypatch):
    monkeypatch.setattr("listkit.bridge.service._STOP_SECONDS", 0.3)
    gate = threading.Event()
    threads = [threading.Thread(target=gate.wait, args=(5,), daemon=True) for _ in range(5)]
    for thread in threads:
        thread.start()
    workers = [OneWorker() for _ in threads]
    began = time.monotonic()
    service().end(workers, threads)
    assert 0.3 <= time.monotonic() - began < 1
    assert all(worker.abandoned and worker.stopped for worker in workers)
    gate.set()


def test_a_thread_that_died_ends_the_process(notified):
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    assert service().watch([OneWorker()], [thread])
