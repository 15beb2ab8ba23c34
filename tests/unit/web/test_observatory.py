"""The arithmetic with which the end-to-end test grades our pages."""

import pytest

from e2e import observatory

GOOD = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=63072000",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
INLINE = "default-src 'self'; script-src 'self' 'unsafe-inline'; object-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize(
    ("changes", "points", "grade"),
    [
        ({}, 115, "A+"),
        ({"Content-Security-Policy": INLINE}, 80, "B+"),
        ({"Content-Security-Policy": INLINE, "X-Content-Type-Options": ""}, 75, "B"),
        ({"Strict-Transport-Security": ""}, 80, "B+"),
        ({"Set-Cookie": "sessionid=x; HttpOnly"}, 80, "B+"),
        ({"Access-Control-Allow-Origin": "*", "Content-Security-Policy": INLINE}, 30, "D or worse"),
    ],
)
def test_points(changes, points, grade):
    assert observatory.score({**GOOD, **changes}) == points
    assert observatory.grade(points) == grade
