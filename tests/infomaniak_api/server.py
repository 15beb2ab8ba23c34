"""Answer HTTP requests as the provider's API does: login, rate limit, checks of the body, answers and errors."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from infomaniak_api.account import Account, Refusal
from infomaniak_api.handlers import BEYOND_THE_DESCRIPTION, DEVICES, HANDLERS, Request
from infomaniak_api.table import routes

RATE_WINDOW_SECONDS = 60
TOKEN = "the-stand-in's-token"
# Fields whose wrong values the route answers with a code of its own.
CHECKED_BY_THE_ROUTE = {("POST /2/zones/{zone}/records", "type")}
TYPES = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}


@dataclass
class Switches:
    """How the stand-in behaves; each may be changed between two requests."""

    requests_per_minute: int | None = 60
    # Writes are answered with success and change nothing.
    ignore_writes: bool = False
    # Writes are answered with `asynchronous`, and done when this many requests to read have come; 0: done at once.
    writes_done_after_reads: int = 0
    # As many reads are answered with `asynchronous`, without data.
    reads_not_ready: int = 0
    # As many requests fail with this status and a page of HTML, before anything is done …
    broken_requests: int = 0
    broken_status: int = 502
    # … or after it is done.
    lost_answers: int = 0
    # Error codes that requests of a route are refused with, one after the other.
    refusals: dict[str, list[str]] = field(default_factory=dict)
    # Whether errors are answered with the status 200; the answer says `error` all the same.
    errors_with_status_200: bool = False
    seconds_for_each_answer: float = 0
    # Whether aliases are answered as full addresses; the description's example has one, real answers have local parts.
    aliases_as_addresses: bool = False
    # Whether the account may use the calls for device passwords.
    device_passwords: bool = True


@dataclass(frozen=True)
class Answer:
    """A status, what is sent with it, and headers."""

    status: int
    content: Any
    headers: dict[str, str] = field(default_factory=dict)


class StandInApi:
    """Listens at `url`; `account` is what the customer has, `requests` is what was asked as `METHOD path`."""

    def __init__(self, account: Account, clock: Callable[[], float] = time.monotonic):
        self.account, self.switches, self.clock = account, Switches(), clock
        self.requests: list[str] = []
        self._table = {**routes(), **BEYOND_THE_DESCRIPTION}
        # "{" sorts after the letters, so that …/devices/users is tried before …/devices/{device_access}.
        self._patterns = [(name, _pattern(name)) for name in sorted(HANDLERS)]
        self._recent: deque[float] = deque()
        self._waiting: deque[tuple[int, Callable[[], Any]]] = deque()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _http_handler(self))
        self.url = "http://{}:{}".format(*self._server.server_address)

    def __enter__(self) -> StandInApi:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, target: str, token: str, body: bytes) -> Answer:
        """Return the answer to one request."""
        time.sleep(self.switches.seconds_for_each_answer)
        with self._lock:
            path = urlsplit(target).path
            self.requests.append(f"{method} {path}")
            return (
                self._too_many()
                or self._broken("broken_requests")
                or self._unauthorized(token)
                or self._routed(method, path, dict(parse_qsl(urlsplit(target).query)), body)
            )

    def _too_many(self) -> Answer | None:
        limit, now = self.switches.requests_per_minute, self.clock()
        while self._recent and now - self._recent[0] >= RATE_WINDOW_SECONDS:
            self._recent.popleft()
        if limit is not None and len(self._recent) >= limit:
            wait = RATE_WINDOW_SECONDS - (now - self._recent[0])
            return _error(429, "too_many_requests", headers={"Retry-After": str(int(wait) + 1)})
        self._recent.append(now)
        return None

    def _broken(self, switch: str) -> Answer | None:
        left = getattr(self.switches, switch)
        if not left:
            return None
        setattr(self.switches, switch, left - 1)
        return Answer(self.switches.broken_status, "<html>Bad gateway</html>")

    def _unauthorized(self, token: str) -> Answer | None:
        return None if token == f"Bearer {TOKEN}" else _error(401, "not_authorized")

    def _routed(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
        for name, pattern in self._patterns:
            if found := pattern.fullmatch(f"{method} {path}"):
                values = {key: unquote(value) for key, value in found.groupdict().items()}
                return self._handle(name, values, query, body)
        return _error(404, "route_not_found")

    def _handle(self, name: str, values: dict[str, str], query: dict[str, str], body: bytes) -> Answer:
        route, writes = self._table[name], not name.startswith("GET ")
        try:
            fields = json.loads(body) if writes else {}
        except ValueError:
            return _error(400, "invalid_json")
        if DEVICES in name and not self.switches.device_passwords:
            return _error(501, "not_implemented")
        if self.switches.refusals.get(name):
            return self._refused(name, self.switches.refusals[name].pop(0))
        if problems := _problems(name, route["body"], fields):
            return _error(422, "validation_failed", problems)
        request = Request(self.account, values, query, fields)
        try:
            return self._write(name, request) if writes else self._read(name, request)
        except Refusal as refusal:
            return self._refused(name, str(refusal))

    def _refused(self, name: str, code: str) -> Answer:
        for status, codes in self._table[name]["errors"].items():
            if code in codes:
                return _error(200 if self.switches.errors_with_status_200 else int(status), code)
        # The routes that have no code of their own for what is missing have this one, or none at all.
        return _error(404, "object_not_found")

    def _read(self, name: str, request: Request) -> Answer:
        self._do_what_waits()
        if self.switches.reads_not_ready:
            self.switches.reads_not_ready -= 1
            return Answer(200, {"result": "asynchronous"})
        data = HANDLERS[name](request)
        if name.endswith("/aliases") and self.switches.aliases_as_addresses:
            data["aliases"] = [f"{alias}@{request.hosting.domain}" for alias in data["aliases"]]
        content = {"result": "success", "data": data}
        if isinstance(data, list) and "page" in request.query:
            content |= _page(data, int(request.query["page"]), int(request.query.get("per_page", 15)))
        return Answer(200, content)

    def _write(self, name: str, request: Request) -> Answer:
        if self.switches.ignore_writes:
            return Answer(self._table[name]["success"], {"result": "success", "data": True})
        if self.switches.writes_done_after_reads:
            self._waiting.append((self.switches.writes_done_after_reads, lambda: HANDLERS[name](request)))
            return Answer(self._table[name]["success"], {"result": "asynchronous"})
        data = HANDLERS[name](request)
        done = Answer(self._table[name]["success"], {"result": "success", "data": data})
        return self._broken("lost_answers") or done

    def _do_what_waits(self) -> None:
        self._waiting = deque((reads - 1, action) for reads, action in self._waiting)
        while self._waiting and self._waiting[0][0] <= 0:
            with contextlib.suppress(Refusal):
                self._waiting.popleft()[1]()


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(name).replace("\\ ", " ")))


def _error(status: int, code: str, errors: list[dict] | None = None, headers: dict[str, str] | None = None) -> Answer:
    error = {"code": code, "description": code.replace("_", " ").capitalize(), "errors": errors or []}
    return Answer(status, {"result": "error", "error": error}, headers or {})


def _page(data: list, page: int, size: int) -> dict[str, Any]:
    pages = max(1, -(-len(data) // size))
    paging = {"total": len(data), "page": page, "pages": pages, "items_per_page": size}
    return {"data": data[(page - 1) * size : page * size], **paging}


def _problems(route: str, rules: dict[str, dict[str, Any]], body: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for name, rule in rules.items():
        value = body.get(name)
        if value is None:
            problem = "required" if rule["required"] else None
        elif (route, name) in CHECKED_BY_THE_ROUTE:
            problem = None
        else:
            problem = _problem(rule, value)
        if problem:
            found.append({"code": "validation_rule_" + problem, "context": {"attribute": name}})
    return found


def _problem(rule: dict[str, Any], value: Any) -> str | None:
    if not isinstance(value, TYPES.get(rule.get("type", ""), object)):
        return rule["type"]
    if "enum" in rule and value not in rule["enum"]:
        return "in"
    size = value if isinstance(value, int) else len(value)
    too_big = any(size > rule[limit] for limit in ("maxLength", "maxItems", "maximum") if limit in rule)
    too_small = any(size < rule[limit] for limit in ("minItems", "minimum") if limit in rule)
    return "max" if too_big else "min" if too_small else None


def _http_handler(api: StandInApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = api.answer(self.command, self.path, self.headers.get("Authorization", ""), body)
            is_page = isinstance(answer.content, str)
            content = (answer.content if is_page else json.dumps(answer.content)).encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", "text/html" if is_page else "application/json")
            self.send_header("Content-Length", str(len(content)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            # A client that had no patience is gone.
            with contextlib.suppress(ConnectionError):
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

        def log_message(self, *_arguments: object) -> None:
            pass

    return Handler
