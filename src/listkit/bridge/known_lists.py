"""The lists that Mailman knows, from its REST API; the last answer is kept for times when Mailman is down."""

from __future__ import annotations

import base64
import http.client
import json
import logging
import threading
import time
import urllib.error
import urllib.request

from listkit.bridge.journal import Journal

log = logging.getLogger(__name__)

_ANSWER_OCTETS = 16 * 1_048_576
# After a call that failed; shorter than the first wait of a message that is to be tried again.
_PAUSE_SECONDS = 3


class KnownLists:
    """The posting addresses of all lists, as of the last answer; refreshed on demand."""

    def __init__(self, url: str, user: str, password: str, journal: Journal, timeout_seconds: float = 10) -> None:
        """url: of the API with its version, such as http://127.0.0.1:8001/3.1"""
        self._url = f"{url.rstrip('/')}/lists"
        self._authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self._timeout_seconds = timeout_seconds
        self._journal = journal
        self._lock = threading.Lock()
        self._addresses = journal.known_lists()
        self._asked = float("-inf")
        self._failed = float("-inf")  # when the last call that failed was over

    @property
    def addresses(self) -> frozenset[str]:
        """The addresses as of the last good answer."""
        return self._addresses

    def refresh(self, since: float) -> bool:
        """Ask Mailman again unless it was asked after `since` (`time.monotonic`); False when it doesn't answer.

        A call that failed after `since`, or a moment ago, isn't repeated.

        Only after a True may one say of an address that no list has it.
        """
        with self._lock:
            if self._asked > since:
                return True
            # All mailboxes wait here: not each message of a sweep may wait for the timeout.
            if self._failed > since or time.monotonic() - self._failed < _PAUSE_SECONDS:
                return False
            asked = time.monotonic()
            try:
                addresses = self._fetch()
            except (OSError, ValueError, http.client.HTTPException, LookupError, AttributeError, TypeError) as error:
                log.warning("Mailman's REST API at %s doesn't tell its lists: %r", self._url, error)
                self._failed = time.monotonic()
                return False
            self._asked = asked
            if addresses != self._addresses:
                self._addresses = addresses
                self._journal.remember_lists(addresses)
            return True

    def _fetch(self) -> frozenset[str]:
        request = urllib.request.Request(self._url, headers={"Authorization": self._authorization})  # noqa: S310 (the URL is checked by the configuration)
        with urllib.request.urlopen(request, timeout=self._timeout_seconds) as answer:  # noqa: S310 (the configuration has checked it)
            entries = json.loads(answer.read(_ANSWER_OCTETS)).get("entries", [])
        return frozenset(str(entry["fqdn_listname"]).lower() for entry in entries)
