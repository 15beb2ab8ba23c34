# SPDX-License-Identifier: MIT
"""Infomaniak's API: requests, the rate limit, retries, and proof that a write changed something."""

from __future__ import annotations

import email.utils
import json
import random
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, HTTPSHandler, OpenerDirector, Request, build_opener

from ansible_collections.listkit.infomaniak.plugins.module_utils.errors import explain

REQUESTS_PER_WINDOW = 60
# A minute, and a second for requests that are slower on their way than the one after them.
WINDOW_SECONDS = 61
FIRST_DELAY_SECONDS = 1
LONGEST_DELAY_SECONDS = 30
# A write that was answered with success shows at once, or after this long.
SETTLE_SECONDS = 5
# How often a request is sent that fails with a 5xx, or that no answer comes to.
ATTEMPTS = 4
NETWORK_ADVICE = "Check that this machine reaches it by HTTPS."
TOO_MANY_REQUESTS = 429
NOT_IMPLEMENTED = 501

State = TypeVar("State")


class ApiError(Exception):
    """Infomaniak refused a request; `status` is HTTP's, 0 when no answer came, and `code` Infomaniak's or None."""

    def __init__(self, message: str, status: int = 0, code: str | None = None):
        super().__init__(message)
        self.status, self.code = status, code


class Unreachable(ApiError):
    """No answer came: it isn't known whether the request was carried out."""


class NotApplied(Exception):
    """A write was accepted, and what it should have changed is as before."""


@dataclass(frozen=True)
class Written:
    """The answer to a write; `asynchronous` when Infomaniak carries it out later."""

    data: Any
    asynchronous: bool


class Client:
    """A connection to the API with one token; `requests` counts what was sent.

    `timeout` is the seconds to wait for one answer; `wait` the seconds to keep trying while Infomaniak is busy, and to
    wait for a change that it carries out later.
    """

    def __init__(
        self,
        url: str,
        token: str,
        timeout: float = 30,
        wait: float = 300,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self._url, self._token, self._timeout, self._wait = url.rstrip("/"), token, timeout, wait
        self._clock, self._sleep = clock, sleep
        self._opener = _opener(self._url)
        self._sent: deque[float] = deque(maxlen=REQUESTS_PER_WINDOW)
        self.requests = 0

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """Return the data at `path`."""
        return self._ready(path, query).get("data")

    def get_all(self, path: str, query: Mapping[str, Any] | None = None) -> list[Any]:
        """Return all items of the collection at `path`, which comes whole or in pages."""
        answer = self._ready(path, query)
        items = list(answer.get("data") or ())
        for page in range(2, int(answer.get("pages") or 1) + 1):
            items += self._ready(path, {**(query or {}), "page": page}).get("data") or ()
        return items

    def post(self, path: str, body: Mapping[str, Any] | None = None, repeatable: bool = True) -> Written:
        """Add to the collection at `path`. Without `repeatable`, it isn't sent again when its answer is lost."""
        return self._write("POST", path, body, repeatable)

    def put(self, path: str, body: Mapping[str, Any] | None = None) -> Written:
        """Replace what is at `path`."""
        return self._write("PUT", path, body)

    def patch(self, path: str, body: Mapping[str, Any]) -> Written:
        """Change parts of what is at `path`."""
        return self._write("PATCH", path, body)

    def delete(self, path: str) -> Written:
        """Remove what is at `path`."""
        return self._write("DELETE", path, None)

    def confirm(
        self, read: Callable[[], State], applied: Callable[[State], bool], what: str, asynchronous: bool = False
    ) -> State:
        """Return the state that `read` finds once `applied` accepts it.

        Raises NotApplied, naming `what` should have changed, when that doesn't happen within a few seconds, or within
        `wait` for an asynchronous write.
        """
        patience = self._wait if asynchronous else min(SETTLE_SECONDS, self._wait)
        deadline, delays = self._clock() + patience, _delays()
        while True:
            state = read()
            if applied(state):
                return state
            if not self._pause(next(delays), deadline):
                break
        raise NotApplied(
            f"Infomaniak accepted the change and hasn't made it after {patience:.0f} s: {what}. "
            "Run again in a few minutes; if it stays so, make the change in the Manager."
        )

    def _ready(self, path: str, query: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the answer to a GET, once Infomaniak has prepared it."""
        deadline, delays = self._clock() + self._wait, _delays()
        while True:
            answer = self._answer("GET", f"{path}?{urlencode(query)}" if query else path)
            if answer.get("result") != "asynchronous":
                return answer
            if not self._pause(next(delays), deadline):
                raise ApiError(f"The answer to GET {path} isn't ready after {self._wait:.0f} s. Run again.")

    def _write(self, method: str, path: str, body: Mapping[str, Any] | None, repeatable: bool = True) -> Written:
        answer = self._answer(method, path, body or {}, repeatable)
        return Written(answer.get("data"), answer.get("result") == "asynchronous")

    def _answer(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, repeatable: bool = True
    ) -> dict[str, Any]:
        """Return the answer to a request, sent again while Infomaniak is busy, and a few times when it fails."""
        deadline, delays, failures = self._clock() + self._wait, _delays(), 0
        while True:
            self._keep_to_the_rate()
            try:
                return self._send(method, path, body)
            except _Retry as retry:
                failures += retry.error.status != TOO_MANY_REQUESTS
                is_last = failures == (ATTEMPTS if repeatable else 1)
                if is_last or not self._pause(retry.after or next(delays), deadline):
                    raise retry.error from retry

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        request = f"{method} {path.partition('?')[0]}"
        self.requests += 1
        self._sent.append(self._clock())
        sent = Request(  # noqa: S310 - api_url is checked to be HTTP
            f"{self._url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Accept": "application/json",
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
            },
        )
        try:
            with self._opener.open(sent, timeout=self._timeout) as response:
                status, answer = response.status, _parsed(response.read())
        except HTTPError as error:
            raise _refusal(request, error.code, _parsed(error.read()), error.headers.get("Retry-After")) from error
        except (URLError, HTTPException, OSError) as error:
            reason = getattr(error, "reason", error)
            message = f"No answer to {request} came from {self._url}: {reason}. {NETWORK_ADVICE}"
            raise _Retry(Unreachable(message)) from error
        if answer is None:
            raise _Retry(_refused(request, status, None, "not JSON"))
        if answer.get("result") == "error":
            raise _refusal(request, status, answer)
        return answer

    def _keep_to_the_rate(self) -> None:
        if len(self._sent) == REQUESTS_PER_WINDOW:
            self._sleep(max(0.0, self._sent[0] + WINDOW_SECONDS - self._clock()))

    def _pause(self, seconds: float, deadline: float) -> bool:
        """Sleep `seconds`, unless that passes the deadline: then return false at once."""
        if self._clock() + seconds > deadline:
            return False
        self._sleep(seconds)
        return True


class _Retry(Exception):
    """`error` may pass: try again, `after` as many seconds if Infomaniak named a time."""

    def __init__(self, error: ApiError, after: float | None = None):
        super().__init__(str(error))
        self.error, self.after = error, after


def _refusal(
    request: str, status: int, answer: dict[str, Any] | None, retry_after: str | None = None
) -> ApiError | _Retry:
    """Return the exception for an answer with an error."""
    found = (answer or {}).get("error")
    error = found if isinstance(found, dict) else {}
    refusal = _refused(request, status, error.get("code"), _fields(error))
    is_temporary = status == TOO_MANY_REQUESTS or (status >= 500 and status != NOT_IMPLEMENTED)
    return _Retry(refusal, _retry_after(retry_after)) if is_temporary else refusal


def _refused(request: str, status: int, code: str | None, details: str) -> ApiError:
    answer = ": ".join(part for part in (f"{status} {code or ''}".strip(), details) if part)
    return ApiError(f"{explain(status, code)} ({request} was answered with {answer}.)", status, code)


class _NoRedirects(HTTPRedirectHandler):
    """A token must not follow a redirect to another server."""

    def redirect_request(self, *_arguments: Any, **_options: Any) -> None:
        """Let the redirect be an error."""


def _opener(url: str) -> OpenerDirector:
    # Made once: loading the certificates of all authorities takes longer than a request.
    secure = [HTTPSHandler(context=ssl.create_default_context())] if url.startswith("https:") else []
    return build_opener(_NoRedirects, *secure)


def segment(text: object) -> str:
    """Return `text` as one segment of a path."""
    return quote(str(text), safe="")


def _delays() -> Iterator[float]:
    seconds = FIRST_DELAY_SECONDS
    while True:
        # Spread, so that several runs don't come back at the same moment.
        yield seconds * random.uniform(0.75, 1.25)  # noqa: S311 - nothing secret depends on it
        seconds = min(2 * seconds, LONGEST_DELAY_SECONDS)


def _retry_after(value: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for; it holds seconds or a date."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _parsed(body: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(body or b"{}")
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _fields(error: dict[str, Any]) -> str:
    """Return which fields a validation error is about."""
    return ", ".join(_field(each) for each in error.get("errors") or () if isinstance(each, dict))


def _field(error: dict[str, Any]) -> str:
    # An empty context is answered as a list.
    context = error.get("context") or {}
    return f"{context.get('attribute', '?')} ({error.get('code', '?')})"
