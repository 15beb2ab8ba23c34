"""The outcome of a message, for programs that don't send one."""

from __future__ import annotations

from dataclasses import dataclass, field

LEGS = ("to the provider", "to the bridge", "through Mailman", "back to the bridge")
"""Each ends where the next one begins."""
SPAM = "Spam"


@dataclass(frozen=True)
class RoundTrip:
    """The outcome of a message.

    sent: in seconds since 1970. legs: the seconds of each leg that it has made, in the order of `LEGS`.
    failure: where it is if it has not returned; empty otherwise.
    keys: the names of the DKIM keys in the DNS that it was signed with when it returned; None if that is not known.
    """

    message_id: str
    sent: float
    legs: dict[str, float] = field(default_factory=dict)
    failure: str = ""
    keys: list[str] | None = None

    @property
    def returned(self) -> bool:
        """Whether it made all legs."""
        return len(self.legs) == len(LEGS)

    @property
    def in_spam(self) -> bool:
        """Whether the provider's filter moved it."""
        return f"lies in {SPAM} " in self.failure
