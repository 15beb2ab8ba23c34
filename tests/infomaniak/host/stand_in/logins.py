"""Bans addresses whose logins fail too often, as Dovecot reports them to an authentication policy server."""

import json
import subprocess
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from stand_in.state import State

PORT = 4001
_RULES = """
table inet stand_in
delete table inet stand_in
table inet stand_in {
    set banned { type ipv4_addr; flags timeout; }
    chain input {
        type filter hook input priority filter;
        tcp dport { 465, 587, 993 } ip saddr @banned reject with tcp reset
    }
}
"""


class _Reports(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        report = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("command=report") and not report.get("success", False):
            _failed(report["remote"], report.get("login", ""))
        answer = json.dumps({"status": 0, "msg": ""}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _failed(address: str, login: str) -> None:
    state = State()
    state.note(login, "login", 0, address)
    since = time.time() - state.number("banip_seconds")
    failures = [e for e in state.events() if e["kind"] == "login" and e["detail"] == address and e["time"] > since]
    if len(failures) >= state.number("banip_failures"):
        state.note(login, "banip", 0, address)
        seconds = int(state.number("banip_seconds"))
        _nft(f"add element inet stand_in banned {{ {address} timeout {seconds}s }}")


def unban() -> None:
    """Lift every ban."""
    _nft("flush set inet stand_in banned")


def serve() -> None:
    """Answer reports until the process ends."""
    _nft(_RULES)
    ThreadingHTTPServer(("127.0.0.1", PORT), _Reports).serve_forever()


def _nft(commands: str) -> None:
    subprocess.run(["nft", "-f", "-"], input=commands, text=True, check=True)
