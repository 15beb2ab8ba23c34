"""Stands between a client and the mail service's IMAP server, and breaks connections in the middle of a FETCH.

usage: python3 imap_proxy.py ADDRESS PROBABILITY     from 127.0.0.1:993 to ADDRESS:993

It sees TLS only; but nothing except a message makes the server say more than `MIDDLE_OCTETS` in answer to one command,
and what the server says after a silence is what IDLE is for. Of the FETCHes that it breaks most are cut, and some fall
silent until the client hangs up. Logged on stdout: "cut", "silent", and "told" with the time of each notification.
"""

from __future__ import annotations

import random
import selectors
import socket
import socketserver
import struct
import sys
import time

MIDDLE_OCTETS = 30_000
SILENT_SHARE = 0.1
# An answer to a command comes sooner.
SILENCE_SECONDS = 0.2
SERVER, PROBABILITY = (sys.argv[1], 993), float(sys.argv[2])


class Proxy(socketserver.BaseRequestHandler):
    """One connection of the client's."""

    broken = 0

    def handle(self) -> None:
        with socket.create_connection(SERVER, 30) as server, selectors.DefaultSelector() as ready:
            ready.register(self.request, selectors.EVENT_READ)
            ready.register(server, selectors.EVENT_READ)
            said, last = 0, time.time()
            while True:
                for key, _ in ready.select():
                    source, now = key.fileobj, time.time()
                    if not (octets := source.recv(4096)):
                        return
                    if source is server and now - last > SILENCE_SECONDS:
                        print("told", now, flush=True)
                    last = now
                    said = said + len(octets) if source is server else 0
                    (self.request if source is server else server).sendall(octets)
                    if said > MIDDLE_OCTETS:
                        said = -sys.maxsize  # one throw of the dice for each answer
                        if self.unlucky():
                            self.break_off()
                            return

    def unlucky(self) -> bool:
        # The first is cut in any case, so that no run is without one.
        return bool(PROBABILITY) and (not Proxy.broken or random.random() < PROBABILITY)  # noqa: S311 (a test's dice)

    def break_off(self) -> None:
        Proxy.broken += 1
        if Proxy.broken > 1 and random.random() < SILENT_SHARE:  # noqa: S311 (a test's dice)
            print("silent", flush=True)
            while self.request.recv(4096):
                pass
            return
        print("cut", flush=True)
        # Without a farewell: what is on its way is lost, as in a network that breaks.
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Server(socketserver.ThreadingTCPServer):
    """The proxy's listener."""

    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    Server(("127.0.0.1", 993), Proxy).serve_forever()
