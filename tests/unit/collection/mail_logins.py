"""A mail service that one can only log in to, by SMTP and by IMAP, with TLS on loopback."""

from __future__ import annotations

import base64
import contextlib
import re
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path


class MailLogins:
    """Listens as `localhost` with a certificate of its own, in the file `authority`.

    `passwords` returns those that are right at this moment; `logins` has the protocol and outcome of each login.
    """

    def __init__(self, folder: Path, passwords: Callable[[], set[str]]):
        self.passwords = passwords
        self.logins: list[tuple[str, bool]] = []
        self.authority, key = folder / "authority.pem", folder / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
             "-out", self.authority, "-keyout", key],
            check=True, capture_output=True,
        )  # fmt: skip
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.authority, key)
        self._servers = [_Server(("127.0.0.1", 0), handler) for handler in (_Submission, _Imap)]
        self.submission_port, self.imap_port = (server.server_address[1] for server in self._servers)

    def __enter__(self) -> MailLogins:
        for server in self._servers:
            server.service = self
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def accepts(self, protocol: str, password: str) -> bool:
        """Note a login, and return whether the password is right."""
        right = password in self.passwords()
        self.logins.append((protocol, right))
        return right


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    service: MailLogins


class _Session(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the client hangs up when it has seen enough
            self._serve()

    def _serve(self) -> None:
        raise NotImplementedError

    def _encrypt(self) -> None:
        self.request = self.server.service.tls.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", buffering=0)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class _Submission(_Session):
    def _serve(self) -> None:
        self._say("220 localhost ESMTP")
        while line := self.rfile.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            if verb.upper() == "STARTTLS":
                self._say("220 ready")
                self._encrypt()
            elif verb.upper() == "AUTH":
                password = base64.b64decode(rest.split()[1]).decode().split("\0")[2]
                right = self.server.service.accepts("smtp", password)
                self._say("235 2.7.0 logged in" if right else "535 5.7.8 authentication failed")
            else:
                self._say("250-localhost\r\n250-STARTTLS\r\n250 AUTH PLAIN")


class _Imap(_Session):
    def _serve(self) -> None:
        self._encrypt()
        self._say("* OK ready")
        while line := self.rfile.readline():
            tag, command = line.decode().strip().split(" ", 1)
            if command.startswith("LOGIN"):
                password = re.fullmatch(r'LOGIN "?.*?"? "(.*)"', command)[1]
                right = self.server.service.accepts("imap", password)
                self._say(f"{tag} OK logged in" if right else f"{tag} NO [AUTHENTICATIONFAILED] refused")
            else:
                self._say(f"* CAPABILITY IMAP4rev1\r\n{tag} OK done")
