"""Mailman's REST API: one client for every program on the host."""

from __future__ import annotations

import base64
import http.client
import json
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import Any

from listkit.common.endpoints import CORE_REST

PASSWORD_FILE = Path("/etc/listkit/secrets/rest_password")
TIMEOUT_SECONDS = 10.0
_LARGEST_ANSWER_BYTES = 16 * 1_048_576
_HANDLERS = (
    urllib.request.HTTPHandler,
    urllib.request.HTTPErrorProcessor,
    urllib.request.HTTPDefaultErrorHandler,
)


class RestError(Exception):
    """The API gave no usable answer; the text names the URL and the reason."""


class Unreachable(RestError):
    """Nothing answers at the URL, or not in time."""


class LoginRefused(RestError):
    """The API refuses the user name and password."""


class NotFound(RestError):
    """The API has nothing at the URL."""


class RestClient:
    """The API at one URL. Safe to use from several threads."""

    def __init__(
        self,
        password: str,
        url: str = CORE_REST.url,
        user: str = CORE_REST.user,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """url: with the version of the API, such as http://127.0.0.1:8001/3.1; timeout_seconds: for each request."""
        self.url = url.rstrip("/")
        self._authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self._timeout_seconds = timeout_seconds
        # No proxy: that of the environment is for the internet, and would see the password. No TLS either, whose
        # certificates take longer to load than a request.
        self._opener = urllib.request.OpenerDirector()
        for handler in _HANDLERS:
            self._opener.add_handler(handler())

    @classmethod
    def of_this_host(cls, timeout_seconds: float = TIMEOUT_SECONDS) -> RestClient:
        """Return the client of this host's Mailman. Raises OSError when the password file cannot be read."""
        return cls(PASSWORD_FILE.read_text(encoding="utf-8").strip(), timeout_seconds=timeout_seconds)

    def get(self, path: str) -> dict[str, Any]:
        """Return the resource at `path`, such as "lists/dev@example.org/config". Raises RestError."""
        return self._call("GET", path)

    def post_json(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send `body` to the resource at `path`, and return the answer. Raises RestError."""
        return self._call("POST", path, json.dumps(body).encode())

    def post(self, path: str, body: dict[str, Any]) -> None:
        """Send `body` to the resource at `path`, which has nothing to answer. Raises RestError."""
        self._read("POST", path, json.dumps(body).encode())

    def entries(self, path: str) -> list[dict[str, Any]]:
        """Return the members of the collection at `path`, such as "lists". Raises RestError."""
        entries = self.get(path).get("entries", [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise RestError(f"GET {self.url}/{path}: the answer is not a collection")
        return entries

    def _call(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        call = f"{method} {self.url}/{path}"
        try:
            answer = json.loads(self._read(method, path, body))
        except ValueError as error:
            raise RestError(f"{call}: the answer is not JSON: {error}") from error
        if not isinstance(answer, dict):
            raise RestError(f"{call}: the answer is not a JSON object but {type(answer).__name__}")
        return answer

    def _read(self, method: str, path: str, body: bytes | None) -> bytes:
        url = f"{self.url}/{path}"
        headers = {"Authorization": self._authorization}
        request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 -- http only
        if body is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with self._opener.open(request, timeout=self._timeout_seconds) as answer:
                content: bytes = answer.read(_LARGEST_ANSWER_BYTES)
                return content
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(f"{method} {url}", error) from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise Unreachable(f"{method} {url}: {reason or type(error).__name__}") from error


_REFUSALS: dict[int, type[RestError]] = {HTTPStatus.UNAUTHORIZED: LoginRefused, HTTPStatus.NOT_FOUND: NotFound}


def _refusal(call: str, error: urllib.error.HTTPError) -> RestError:
    return _REFUSALS.get(error.code, RestError)(f"{call}: {error.code} {error.reason}")
