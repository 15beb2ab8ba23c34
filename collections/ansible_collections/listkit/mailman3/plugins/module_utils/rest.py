# SPDX-License-Identifier: MIT
"""Mailman's REST interface: requests, answers, errors."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode

from ansible.module_utils.urls import open_url

# Options of every module that talks to Mailman; documented in doc_fragments/rest.py.
ARGUMENTS = {
    "api_url": {"type": "str", "default": "http://127.0.0.1:8001/3.1"},
    "api_user": {"type": "str", "default": "restadmin"},
    "api_password_file": {"type": "path", "default": "/etc/listkit/secrets/rest_password", "no_log": False},
    "api_wait": {"type": "int", "default": 60},
}
TIMEOUT_SECONDS = 60
POLL_SECONDS = 0.25


class RestError(Exception):
    """Mailman refused a request; the text says which one and why."""


class Unreachable(RestError):
    """Nothing answers at the address, or there is no password to ask with: Mailman may not have been deployed yet."""


class Api:
    """A connection to one Mailman."""

    def __init__(self, url: str, user: str, password: str):
        self._url, self._user, self._password = url.rstrip("/"), user, password

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
        self._request("POST", path, fields)

    def patch(self, path: str, fields: dict[str, Any]) -> None:
        """Change some attributes of the resource at `path`."""
        self._request("PATCH", path, fields)

    def delete(self, path: str) -> None:
        """Remove the resource at `path`; it may be gone already."""
        self._request("DELETE", path)

    def _request(self, method: str, path: str, fields: dict[str, Any] | None = None) -> dict[str, Any] | None:
        try:
            response = open_url(
                f"{self._url}/{path}",
                method=method,
                data=urlencode(fields, doseq=True) if fields is not None else None,
                headers={"Accept": "application/json"},
                url_username=self._user,
                url_password=self._password,
                force_basic_auth=True,
                use_proxy=False,
                timeout=TIMEOUT_SECONDS,
            )
            body = response.read()
        except HTTPError as error:
            if error.code == 404 and method in ("GET", "DELETE"):
                return None
            raise RestError(self._refusal(method, path, error)) from error
        except (URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise Unreachable(f"Mailman doesn't answer at {self._url}: {reason}") from error
        return json.loads(body) if body else {}

    def _refusal(self, method: str, path: str, error: HTTPError) -> str:
        if error.code == 401:
            return f"Mailman at {self._url} refuses the user {self._user!r} with the password in api_password_file"
        body = error.read().decode("utf-8", "replace")
        with contextlib.suppress(ValueError, AttributeError):
            body = json.loads(body).get("description") or body
        return f"Mailman refuses {method} {path}: {error.code} {body.strip() or error.reason}"


class EmptyApi(Api):
    """Stands for a Mailman that isn't deployed yet, in check mode: nothing exists there."""

    def __init__(self) -> None:
        super().__init__("", "", "")

    def _request(self, method: str, path: str, fields: dict[str, Any] | None = None) -> None:
        if method != "GET":
            raise RestError(f"{method} {path} in check mode, which changes nothing")


def segment(text: str) -> str:
    """Return `text` as one segment of a path."""
    return quote(text, safe="@")
