"""The arithmetic of MDN's HTTP Observatory, for the tests that a page of ours can fail or win points in.

https://developer.mozilla.org/en-US/observatory/docs/tests_and_scoring
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

BASE, BONUS_FROM = 100, 90
GRADES = (
    (100, "A+"),
    (90, "A"),
    (85, "A-"),
    (80, "B+"),
    (70, "B"),
    (65, "B-"),
    (60, "C+"),
    (50, "C"),
    (0, "D or worse"),
)
HALF_A_YEAR_SECONDS = 15_768_000
PRIVATE_REFERRERS = {"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"}


def _content_policy(headers: Mapping[str, str]) -> int:
    policy = _directives(headers.get("Content-Security-Policy", ""))
    if not policy:
        return -25
    others = policy.get("default-src", "*")
    scripts = policy.get("script-src", others) + policy.get("object-src", others)
    if "'unsafe-inline'" in scripts or "*" in scripts or "data:" in scripts:
        return -20
    if "'unsafe-eval'" in scripts:
        return -10
    return 0 if "'unsafe-inline'" in policy.get("style-src", "") else 5


def _directives(policy: str) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in policy.split(";"))
    return {name: value for name, _, value in parts if name}


def _cookies(headers: Mapping[str, str]) -> int:
    cookies = [value for name, value in headers.items() if name.lower() == "set-cookie"]
    if any("secure" not in cookie.lower() for cookie in cookies):
        return -20
    session = [cookie for cookie in cookies if cookie.startswith("sessionid=")]
    return -30 if any("httponly" not in cookie.lower() for cookie in session) else 0


def _strict_transport(headers: Mapping[str, str]) -> int:
    age = re.search(r"max-age=(\d+)", headers.get("Strict-Transport-Security", ""))
    if age is None:
        return -20
    return 0 if int(age[1]) >= HALF_A_YEAR_SECONDS else -10


def _content_type(headers: Mapping[str, str]) -> int:
    return 0 if headers.get("X-Content-Type-Options") == "nosniff" else -5


def _frames(headers: Mapping[str, str]) -> int:
    if "frame-ancestors" in _directives(headers.get("Content-Security-Policy", "")):
        return 5
    return 0 if headers.get("X-Frame-Options") in ("DENY", "SAMEORIGIN") else -20


def _referrers(headers: Mapping[str, str]) -> int:
    policy = headers.get("Referrer-Policy")
    if policy is None:
        return 0
    return 5 if policy in PRIVATE_REFERRERS else -5


def _sharing(headers: Mapping[str, str]) -> int:
    return -50 if headers.get("Access-Control-Allow-Origin") == "*" else 0


TESTS: tuple[Callable[[Mapping[str, str]], int], ...] = (
    _content_policy, _cookies, _strict_transport, _content_type, _frames, _referrers, _sharing,
)  # fmt: skip


def score(headers: Mapping[str, str]) -> int:
    """Return the points of a page with these headers. Bonus points count only for a page that is good without them."""
    modifiers = [test(headers) for test in TESTS]
    base = BASE + sum(modifier for modifier in modifiers if modifier < 0)
    return base + sum(modifier for modifier in modifiers if modifier > 0) if base >= BONUS_FROM else max(base, 0)


def grade(points: int) -> str:
    """Return the grade for so many points."""
    return next(name for least, name in GRADES if points >= least)
