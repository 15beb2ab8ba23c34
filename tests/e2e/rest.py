"""Mailman core's REST API on a deployed host, which listens on loopback only."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from deployment import Site

Request = tuple[str, str, str]
_SEND = """
import base64, json, pathlib, sys, urllib.request
password = pathlib.Path("/etc/listkit/secrets/rest_password").read_text().strip()
login = base64.b64encode(f"restadmin:{password}".encode()).decode()
for method, path, fields in json.load(sys.stdin):
    request = urllib.request.Request("http://127.0.0.1:8001/3.1/" + path, fields.encode() or None, method=method)
    request.add_header("Authorization", f"Basic {login}")
    answer = urllib.request.urlopen(request, timeout=60).read().decode()
print(answer)
"""
_SEND_COMMAND = shlex.join(["python3", "-c", _SEND])


def request(method: str, path: str, **fields: object) -> Request:
    """One call, for `send`; a list as a field's value is sent as several fields."""
    return method, path, urlencode(fields, doseq=True)


def send(site: Site, requests: Iterable[Request]) -> Any:
    """Send requests in order; return the answer to the last one. `LabError` when Mailman refuses one."""
    answer = site.host.run(_SEND_COMMAND, stdin=json.dumps(list(requests)))
    return json.loads(answer) if answer.strip() else {}


def call(site: Site, method: str, path: str, **fields: object) -> Any:
    """Send one request and return the answer."""
    return send(site, [request(method, path, **fields)])
