"""The lists that Mailman knows, from its REST API; the last answer is kept for times when Mailman is down."""

from __future__ import annotations

import logging
import threading
import time

from listkit.bridge.journal import Journal
from listkit.common.rest import RestClient, RestError

log = logging.getLogger(__name__)

# After a call that failed; shorter than the first wait of a message that is to be tried again.
_PAUSE_SECONDS = 3


class KnownLists:
    """The posting addresses of all lists, as of the last answer; refreshed on demand."""

    def __init__(self, rest: RestClient, journal: Journal) -> None:
        self._rest = rest
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
            except RestError as error:
                log.warning("can't ask Mailman for its lists: %s", error)
                self._failed = time.monotonic()
                return False
            self._asked = asked
            if addresses != self._addresses:
                self._addresses = addresses
                self._journal.remember_lists(addresses)
            return True

    def _fetch(self) -> frozenset[str]:
        entries = self._rest.entries("lists")
        try:
            return frozenset(str(entry["fqdn_listname"]).lower() for entry in entries)
        except KeyError as error:
            raise RestError(f"GET {self._rest.url}/lists: an entry has no {error}") from error
