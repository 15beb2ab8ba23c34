"""A Mailman of a few lines that answers as the real one was seen to (`recorded/`), for tests of the REST client."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

RECORDED = Path(__file__).parent / "recorded"
PASSWORD = "the-rest-password"
PREFIX = "/3.1/"


def recorded_config(version: str = "3.3.10") -> dict[str, Any]:
    """Return the settings of a real list, as that version of Mailman answers them."""
    return json.loads((RECORDED / f"list_config_{version}.json").read_text())


class MailmanDouble:
    """Holds domains, lists and their people; `url` is where it listens."""

    def __init__(self, version: str = "3.3.10"):
        self.version = version
        self.domains: dict[str, dict[str, Any]] = {}
        self.lists: dict[str, dict[str, Any]] = {}
        self.people: dict[str, dict[str, str]] = {}
        self.held: dict[str, int] = {}
        self.writes: list[str] = []
        double = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                fields = parse_qs(self.rfile.read(length).decode(), keep_blank_values=True)
                wanted = "Basic " + base64.b64encode(f"restadmin:{PASSWORD}".encode()).decode()
                if self.headers["Authorization"] != wanted:
                    status, body = 401, {"title": "401 Unauthorized", "description": "REST API authorization failed"}
                else:
                    status, body = double.answer(self.command, self.path.removeprefix(PREFIX), fields)
                self.send_response(status)
                self.end_headers()
                if status != 204:
                    self.wfile.write(json.dumps(body).encode())

            do_GET = do_POST = do_PATCH = do_DELETE = _answer

            def log_message(self, *_arguments) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}{PREFIX.rstrip('/')}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, fields: dict[str, list[str]]) -> tuple[int, Any]:
        """Return status and body for one request."""
        if method != "GET":
            self.writes.append(f"{method} {path}")
        parts = path.split("/")
        if path == "system/versions":
            return 200, {"mailman_version": self.version}
        if parts[0] == "domains":
            return self._domain(method, parts[1:], fields)
        if parts[0] == "lists":
            return self._list(method, parts[1:], fields)
        return self._member(method, parts[1:], fields)

    def _domain(self, method, parts, fields):
        if method == "POST":
            self.domains[fields["mail_host"][0]] = {key: values[0] for key, values in fields.items()}
            return 201, {}
        if parts[0] not in self.domains:
            return 404, {"title": "404 Not Found"}
        if method == "PATCH":
            self.domains[parts[0]].update({key: values[0] for key, values in fields.items()})
        if method == "DELETE":
            del self.domains[parts[0]]
        return (200, {"description": None, **self.domains[parts[0]]}) if method == "GET" else (204, None)

    def _list(self, method, parts, fields):
        if method == "POST":
            address = fields["fqdn_listname"][0]
            if address.partition("@")[2] not in self.domains:
                domain = address.partition("@")[2]
                return 400, {"title": "400 Bad Request", "description": f"Domain does not exist: {domain}"}
            self.lists[address] = {**recorded_config(self.version), "dmarc_mitigate_action": "no_mitigation"}
            return 201, {}
        if not parts:
            return 200, {"entries": [{"fqdn_listname": address} for address in self.lists]} if self.lists else {}
        address = parts[0] if "@" in parts[0] else parts[0].replace(".", "@", 1)
        if address not in self.lists:
            return 404, {"title": "404 Not Found"}
        if parts[1:2] == ["roster"]:
            holders = [key for key in self.people.get(address, {}) if key.startswith(parts[2] + " ")]
            entries = [{"email": key.split()[1], "member_id": f"{address}+{key}".replace(" ", "+")} for key in holders]
            return 200, {"entries": entries} if entries else {}
        if parts[1:] == ["held?count=1&page=1"]:
            return 200, {"total_size": self.held.get(address, 0)}
        if parts[1:] == ["config"]:
            return self._config(method, self.lists[address], fields)
        if method == "DELETE":
            del self.lists[address]
            return 204, None
        members = [key for key in self.people.get(address, {}) if key.startswith("member ")]
        return 200, {"fqdn_listname": address, "list_id": address.replace("@", "."), "member_count": len(members)}

    @staticmethod
    def _config(method, config, fields):
        if method == "GET":
            return 200, config
        for name, values in fields.items():
            if name not in config:
                return 400, {"title": "400 Bad Request", "description": f"Unknown attribute: {name}"}
            old = config[name]
            if isinstance(old, bool):
                config[name] = values[0] == "True"
            elif isinstance(old, list):
                config[name] = [value for value in values if value]
            else:
                config[name] = type(old)(values[0])
        return 204, None

    def _member(self, method, parts, fields):
        if method == "DELETE":
            address, role, email = parts[0].split("+")
            del self.people[address][f"{role} {email}"]
            return 204, None
        address = fields["list_id"][0].replace(".", "@", 1)
        self.people.setdefault(address, {})[f"{fields['role'][0]} {fields['subscriber'][0]}"] = ""
        return 201, {}
