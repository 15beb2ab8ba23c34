"""The mail service's checks of a message's sender: the Authentication-Results that it writes (RFC 8601).

Others write such fields too, and the text in them is partly a sender's: no comment and no quoted string is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NAME = "authentication-results"
SERVICE = "mx.infomaniak.com"
"""The mail service's name in the field."""

# A sender may have a hand in a value; what the service says stands in the first few hundred characters.
_LONGEST = 4096
_DEEPEST_COMMENT = 10
# Both may end with the value: no place in it is then looked at twice.
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\(?:.|\Z))*(?:\"|\Z)", re.DOTALL)
_COMMENT = re.compile(rf"({_QUOTED.pattern})|\((?:[^()\\]|\\(?:.|\Z))*(?:\)|\Z)", re.DOTALL)
_IS_SERVICE = re.compile(rf"\s*{re.escape(SERVICE)}(?:\s+\d+)?\s*")
_RESULT = re.compile(r"\s*([a-z0-9-]+)(?:/\d+)?\s*=\s*([a-z]+)\b(.*)", re.DOTALL)
_LOCAL_PART = r"(?:[^\s@;]*@)?"
# Of DKIM there may be a signature of the author's domain, of its mail service, and of a list.
_DOMAIN = {
    "spf": re.compile(rf"\bsmtp\.mailfrom\s*=\s*{_LOCAL_PART}([a-z0-9.-]+)"),
    "dkim": re.compile(r"\bheader\.(?:d\s*=\s*|i\s*=\s*[^\s@;]*@)([a-z0-9.-]+)"),
}


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a method, in lower case. domain: the one that SPF or DKIM checked; empty for other methods."""

    method: str
    result: str
    domain: str = ""


def of_service(value: str) -> list[Result] | None:
    """Return the results in a value; None if the mail service hasn't written it. What checked nothing has none."""
    service, *parts = _bare(value).split(";")
    if not _IS_SERVICE.fullmatch(service):
        return None
    return [_result(found) for part in parts if (found := _RESULT.match(part))]


def _bare(value: str) -> str:
    """The value in lower case, without comments, which may be nested, and without the text of quoted strings."""
    text = value[:_LONGEST].lower()
    for _level in range(_DEEPEST_COMMENT):
        text = _COMMENT.sub(lambda found: found[1] or " ", text)
    return _QUOTED.sub(" ", text)


def _result(found: re.Match[str]) -> Result:
    method, result, properties = found.groups()
    domain = _DOMAIN[method].search(properties) if method in _DOMAIN else None
    return Result(method, result, domain[1] if domain else "")
