"""A client that keeps a web server busy: connections that it never completes, and handshakes that it never ends."""

from __future__ import annotations

import errno
import resource
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

DESCRIPTORS_FOR_OTHERS = 500
IN_PROGRESS = (0, errno.EINPROGRESS)
HALF_REQUEST = b"GET / HTTP/1.1\r\nHost: lists.example.org\r\nX-Slow: "
SLOW_POST = "POST /mailman3/accounts/login/ HTTP/1.1\r\nHost: {fqdn}\r\nContent-Length: 1000000\r\n\r\nlogin="


@contextmanager
def half_open(address: str, port: int, count: int, beginning: bytes, seconds: float = 2) -> Iterator[int]:
    """Open connections, send the beginning of something on each, and leave them like that; yield how many got through.

    seconds: how long to wait for the server to accept them.
    """
    _allow_descriptors(count)
    with ExitStack() as stack, selectors.DefaultSelector() as waiting:
        for _ in range(count):
            connection = stack.enter_context(socket.socket())
            connection.setblocking(False)
            assert connection.connect_ex((address, port)) in IN_PROGRESS
            waiting.register(connection, selectors.EVENT_WRITE)
        yield _begin(waiting, beginning, seconds)


def _begin(waiting: selectors.BaseSelector, beginning: bytes, seconds: float) -> int:
    begun, deadline = 0, time.monotonic() + seconds
    while waiting.get_map() and (left := deadline - time.monotonic()) > 0:
        for key, _ in waiting.select(left):
            waiting.unregister(key.fileobj)
            try:
                key.fileobj.send(beginning)
                begun += 1
            except OSError:
                continue  # refused: not one of those that the server keeps
    return begun


@contextmanager
def slow_bodies(address: str, fqdn: str, count: int) -> Iterator[int]:
    """Begin to send forms, a byte at first and nothing after it; yield how many."""
    context = _trusting()
    with ExitStack() as stack:
        for _ in range(count):
            plain = stack.enter_context(socket.create_connection((address, 443), timeout=10))
            connection = stack.enter_context(context.wrap_socket(plain, server_hostname=fqdn))
            connection.sendall(SLOW_POST.format(fqdn=fqdn).encode())
        yield count


@contextmanager
def handshakes(address: str, fqdn: str) -> Iterator[list[float]]:
    """Begin TLS handshakes without an end, one after the other; yield the moments when the server was made to work."""
    done, begun = threading.Event(), []

    def flood() -> None:
        while not done.is_set():
            with socket.socket() as connection:
                connection.settimeout(1)
                try:
                    connection.connect((address, 443))
                    connection.sendall(client_hello(fqdn))
                    connection.recv(1)
                    begun.append(time.monotonic())
                except OSError:
                    continue  # the server has had enough of this client

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        yield begun
    finally:
        done.set()
        thread.join()


def client_hello(fqdn: str) -> bytes:
    """Return what a client sends first: it costs the server a signature."""
    outgoing = ssl.MemoryBIO()
    connection = _trusting().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=fqdn)
    try:
        connection.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a handshake without a server has ended")


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _allow_descriptors(count: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = len(list(Path("/proc/self/fd").iterdir())) + count + DESCRIPTORS_FOR_OTHERS
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
