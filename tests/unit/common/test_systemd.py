"""Readiness and the watchdog."""

from __future__ import annotations

import socket

import pytest

from listkit.common import systemd


def test_a_notification_reaches_systemd(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        systemd.notify("READY=1")
        assert listener.recv(100) == b"READY=1"
    monkeypatch.delenv("NOTIFY_SOCKET")
    systemd.notify("READY=1")


@pytest.mark.parametrize(("value", "seconds"), [("120000000", 120), ("", None), ("x", None)])
def test_the_watchdogs_interval(monkeypatch, value, seconds):
    monkeypatch.setenv("WATCHDOG_USEC", value)
    assert systemd.watchdog_seconds() == seconds
