# SPDX-License-Identifier: MIT
"""Mailman's REST interface: requests, answers, errors."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode

# Options of every module that talks to Mailman; documented in doc_fragments/rest.py.
ARGUMENTS = {
    "api_url": {"type": "str", "default": "http://127.0.0.1:8001/3.1"},
    "api_user": {"type": "str", "default": "restadmin"},
    "api_password_file": {"type": "path", "default": "/etc/listkit/secrets/rest_password", "no_log": False},
    "api_wait": {"type": "int", "default": 60},
}
# Debian's name of the unit; other distributions use it, too.
UNIT_HINT = "look at systemctl status mailman3 on its host"
TIMEOUT_SECONDS = 60
POLL_SECONDS = 0.25


class RestError(Exception):
    """Mailman refused a request; the text says which one and why, and `reason` only why."""

    def __init__(self, text: str, reason: str = ""):
        super().__init__(text)
        self.reason = reason or text


class Unreachable(RestError):
    """Nothing answers at the address, or there is no password to ask with: Mailman may not have been deployed yet."""


class Api:
    """A connection to one Mailman."""

    def __init__(self, url: str, user: str, password: str):
        self._url, self._user = url.rstrip("/"), user
        self._authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        # Without a proxy, which would see the password. Ansible's open_url loads all certificates for each request.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    @classmethod
    def of(cls, params: dict[str, Any], wait: bool = True) -> Api:
        """Return the Mailman that a module's `params` name, as soon as it answers.

        Raises Unreachable when it doesn't within `api_wait` seconds, or at once when `wait` is false.
        """
        path = Path(params["api_password_file"])
        try:
            password = path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Unreachable(f"api_password_file: {path}: {error.strerror}") from error
        api = cls(params["api_url"], params["api_user"], password)
        api.wait(params["api_wait"] if wait else 0)
        return api

    def wait(self, seconds: float) -> None:
        """Return when Mailman answers; raise Unreachable when it hasn't within `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.get("system/versions")
                return
            except Unreachable:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(POLL_SECONDS)

    def get(self, path: str) -> dict[str, Any] | None:
        """Return the resource at `path`, or None when there is none."""
        return self._request("GET", path)

    def entries(self, path: str) -> list[dict[str, Any]]:
        """Return the members of the collection at `path`."""
        return (self.get(path) or {}).get("entries", [])

    def post(self, path: str, fields: dict[str, Any]) -> None:
        """Add to the collection at `path`."""
        self._request("POST", path, _form(fields))

    def post_json(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send `body` to the resource at `path`, and return the answer."""
        return self._request("POST", path, json.dumps(body)) or {}

    def delete_json(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Remove what `body` names from the collection at `path`, and return the answer."""
        return self._request("DELETE", path, json.dumps(body)) or {}

    def patch(self, path: str, fields: dict[str, Any]) -> None:
        """Change some attributes of the resource at `path`."""
        self._request("PATCH", path, _form(fields))

    def put(self, path: str, fields: dict[str, Any]) -> None:
        """Replace all attributes of the resource at `path`."""
        self._request("PUT", path, _form(fields))

    def delete(self, path: str) -> None:
        """Remove the resource at `path`; it may be gone already."""
        self._request("DELETE", path)

    def _request(self, method: str, path: str, body: str | None = None) -> dict[str, Any] | None:
        """Send a request, whose `body` is a form or a JSON object, and return the answer."""
        request = urllib.request.Request(  # noqa: S310 -- the URL is the operator's
            f"{self._url}/{path}",
            data=None if body is None else body.encode(),
            headers={"Accept": "application/json", "Authorization": self._authorization},
            method=method,
        )
        if body and body.startswith("{"):
            request.add_header("Content-Type", "application/json")
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                answer = response.read()
        except HTTPError as error:
            if error.code == 404 and method in ("GET", "DELETE"):
                return None
            raise self._refusal(method, path, error) from error
        except (URLError, OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise Unreachable(f"Mailman doesn't answer at {self._url}: {reason}; {UNIT_HINT}") from error
        return json.loads(answer) if answer else {}

    def _refusal(self, method: str, path: str, error: HTTPError) -> RestError:
        if error.code == 401:
            user = f"the user {self._user!r} with the password in api_password_file"
            return RestError(f"Mailman at {self._url} refuses {user}")
        body = error.read().decode("utf-8", "replace")
        with contextlib.suppress(ValueError, AttributeError):
            body = json.loads(body).get("description") or body
        reason = body.strip() or error.reason
        return RestError(f"Mailman refuses {method} {path}: {error.code} {reason}", reason)


class EmptyApi(Api):
    """Stands for a Mailman that isn't deployed yet, in check mode: nothing exists there."""

    def __init__(self) -> None:
        super().__init__("", "", "")

    def _request(self, method: str, path: str, body: str | None = None) -> None:
        if method != "GET":
            raise RestError(f"{method} {path} in check mode, which changes nothing")


def _form(fields: dict[str, Any]) -> str:
    return urlencode(fields, doseq=True)


def segment(text: str) -> str:
    """Return `text` as one segment of a path."""
    return quote(text, safe="@")


def list_path(api: Api, address: str) -> str:
    """Return the path of what belongs to a list, "lists/LIST_ID/". Raises ValueError if there is no such list."""
    if not isinstance(api, EmptyApi) and api.get(f"lists/{segment(address.lower())}") is None:
        raise ValueError(missing_list(address))
    return f"lists/{address.lower().replace('@', '.')}/"


def domain_path(api: Api, name: str) -> str:
    """Return the path of what belongs to a domain, "domains/NAME/". Raises ValueError if there is no such domain."""
    path = f"domains/{segment(name.lower())}"
    if not isinstance(api, EmptyApi) and api.get(path) is None:
        raise ValueError(f"{name}: there is no such domain; create it with the module domain, or correct the name")
    return f"{path}/"


def missing_list(address: str) -> str:
    """Return the error for a list that doesn't exist."""
    return f"{address}: there is no such list; create it with the module mailing_list, or correct the name"
