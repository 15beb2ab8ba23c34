"""Exponential backoff: how long to wait after failures in a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

_LEAST_SHARE = 0.7
_MOST_DOUBLINGS = 30
"""More would leave the range of a float long after every `longest` is reached."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """The first delay in seconds; each further one is twice as long, up to `longest` seconds."""

    first: float
    longest: float

    def delay(self, failures: int, jitter: random.Random | None = None) -> float:
        """Return the seconds to wait after this number of failures in a row; 0 when there was none.

        jitter: shortens the delay by up to 30 %, so that clients that failed together do not retry together.
        """
        if failures <= 0:
            return 0.0
        full = min(self.longest, self.first * 2.0 ** min(failures - 1, _MOST_DOUBLINGS))
        return full * jitter.uniform(_LEAST_SHARE, 1.0) if jitter else full
