"""What a host lacks for a deployment, with its cause and fix."""

from __future__ import annotations

import functools
import http.server
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.listkit.host.plugins.modules import readiness_info
from ansible_collections.listkit.kit.plugins.filter.readiness_report import readiness_report

GIB = 1024
PATIENCE = 60
"""Seconds for what answers at once, on however busy a machine."""


@pytest.fixture
def open_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def blocked_port():
    """A port that doesn't answer, as behind a packet filter: its queue of connections is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for each in waiting:
            each.close()


@pytest.fixture
def apt(tmp_path, monkeypatch) -> Callable[..., None]:
    """Give apt these archives and no others."""

    def configure(*urls: str) -> None:
        (tmp_path / "sources.list").write_text("".join(f"deb [trusted=yes] {url} stable main\n" for url in urls))
        (tmp_path / "apt.conf").write_text(
            f'Dir::Etc::SourceList "{tmp_path}/sources.list"; Dir::Etc::SourceParts "/dev/null";'
            ' Acquire::http::Proxy::127.0.0.1 "DIRECT";'
        )
        monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))

    configure()
    return configure


@pytest.fixture
def archive(tmp_path):
    """An archive's web server."""
    release = tmp_path / "www/debian/dists/stable/InRelease"
    release.parent.mkdir(parents=True)
    release.write_text("Origin: Debian\n")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_arguments: object) -> None:
            pass

    handler = functools.partial(Handler, directory=str(tmp_path / "www"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_ports_are_reported_apart(open_port, closed_port, blocked_port):
    assert readiness_info.unreachable("127.0.0.1", open_port, 5) is None
    assert "nothing listens there" in readiness_info.unreachable("127.0.0.1", closed_port, 5)
    assert "the cloud's security group" in readiness_info.unreachable("127.0.0.1", blocked_port, 0.2)
    assert "the name has no address" in readiness_info.unreachable("mail.invalid", 587, 5)


@pytest.mark.parametrize(
    ("deployed", "free", "words"),
    [
        (False, 3 * GIB, None),
        (False, 2 * GIB - 1, "A deployment uses about 1024 MiB"),
        (True, 512, None),
        (True, 511, "/var has 511 MiB free. `apt-get clean` makes room"),
    ],
)
def test_room_on_the_disk(deployed, free, words):
    found = readiness_info.disk(deployed, free)
    assert (found is None) if words is None else (words in found)


def test_memory():
    assert readiness_info.memory("MemTotal:  1000000 kB\nSwapTotal:  0 kB\n") is None
    assert readiness_info.memory("MemTotal:  500000 kB\nSwapTotal:  600000 kB\n") is None
    assert "has 488 MiB of memory and swap" in readiness_info.memory("MemTotal:  500000 kB\nMemFree: 400000 kB\n")


def test_clocks():
    assert readiness_info.clock(1000, 1100) is None
    assert "The host's clock is 10 minutes behind that" in readiness_info.clock(1000, 1600)
    assert "The host's clock is 60 minutes ahead of that" in readiness_info.clock(4600, 1000)


def test_an_archive_that_answers_and_one_that_does_not(apt, archive, closed_port):
    closed = f"http://127.0.0.1:{closed_port}"
    apt(f"{archive}/debian", f"{archive}/other", f"{closed}/debian")
    sites = readiness_info.archives()
    assert sites == {
        archive: f"{archive}/debian/dists/stable/InRelease",
        closed: f"{closed}/debian/dists/stable/InRelease",
    }
    assert readiness_info.archive_problem(archive, sites[archive], PATIENCE) is None
    found = readiness_info.archive_problem(closed, sites[closed], PATIENCE)
    assert (
        f"apt can't reach {closed}: Could not connect to 127.0.0.1:{closed_port}" in found
        and "Check the host's" in found
    )


def test_a_check_that_hangs_is_not_waited_for():
    for_ever = threading.Event()
    found = readiness_info.at_once([(for_ever.wait, "late"), (lambda: "in time", "late")], 1)
    for_ever.set()
    assert found == ["late", "in time"]


@pytest.mark.parametrize("deployed", [False, True])
def test_only_what_stops_a_deployment_is_a_problem(apt, closed_port, monkeypatch, deployed):
    apt(f"http://127.0.0.1:{closed_port}/debian")
    monkeypatch.setattr(readiness_info, "free_mib", lambda: 100)
    endpoints = [{"host": "127.0.0.1", "port": closed_port, "required": required} for required in (True, False)]
    found = readiness_info.find(endpoints, time.time() - 3600, PATIENCE, deployed)
    always, doubts = "nothing listens there", ["The host's clock is 60 minutes ahead", "nothing listens there"]
    sure = ["/var has 100 MiB free", "apt can't reach"]
    words = {"problems": [always, *([] if deployed else sure)], "notices": [*doubts, *(sure if deployed else [])]}
    for name, wanted in words.items():
        assert len(found[name]) == len(wanted), found
        assert all(word in line for word, line in zip(wanted, found[name], strict=True)), found
    assert found["closed"] == [f"127.0.0.1:{closed_port}"] * 2


def test_a_host_that_is_ready(apt, archive, open_port, monkeypatch, capsys):
    apt(f"{archive}/debian")
    monkeypatch.setattr(readiness_info, "free_mib", lambda: 3 * GIB)
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", None)
    endpoints = [{"host": "127.0.0.1", "port": open_port}]
    options = {"controller_time": time.time(), "endpoints": endpoints, "timeout": PATIENCE}
    with patch_module_args(options), pytest.raises(SystemExit):
        readiness_info.main()
    found = json.loads(capsys.readouterr().out)
    assert (found["problems"], found["notices"], found["closed"]) == ([], [], [])


def test_the_summary_names_the_host():
    hostvars = {
        "mailman": {"site_readiness": {"problems": ["no room"], "notices": ["a wrong clock"]}},
        "web1": {"site_readiness": {"msg": "no Python", "failed": True}},
        "db1": {},
    }
    assert readiness_report(hostvars, hostvars) == {
        "warnings": ["mailman: a wrong clock"],
        "failures": ["mailman: no room", "web1: no Python"],
    }


def test_the_disk_is_that_of_the_host():
    assert readiness_info.free_mib("/") > 0 and Path("/proc/meminfo").exists()
