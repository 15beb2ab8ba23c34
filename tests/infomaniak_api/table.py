"""The provider's API in short: which routes there are, what each demands and which errors it knows.

usage: table.py DESCRIPTION.json… > routes.json

This program makes `routes.json` from the provider's public OpenAPI description; it is all that the tests need of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("routes.json")
METHODS = ("get", "post", "put", "patch", "delete")
LIMITS = ("type", "maxLength", "maxItems", "minItems", "minimum", "maximum", "enum")


def routes() -> dict[str, dict[str, Any]]:
    """Return the table: for each `METHOD path` its success status, errors by status, and body."""
    return json.loads(TABLE.read_text())


def made_from(description: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the part of the table that one description stands for."""
    return {
        f"{method.upper()} {path}": _route(operation)
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
    }


def _route(operation: dict[str, Any]) -> dict[str, Any]:
    statuses = operation["responses"]
    return {
        "success": min(int(status) for status in statuses),
        "errors": {
            status: sorted(set(_codes(answer))) for status, answer in sorted(statuses.items()) if int(status) >= 400
        },
        "body": _body(operation.get("requestBody")),
    }


def _codes(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        code = node.get("code")
        if isinstance(code, dict):
            yield from code.get("enum", ())
        for child in node.values():
            yield from _codes(child)
    elif isinstance(node, list):
        for child in node:
            yield from _codes(child)


def _body(request: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    if request is None:
        return {}
    schema = request["content"]["application/json"]["schema"]
    required = schema.get("required", ())
    return {
        name: {**{limit: field[limit] for limit in LIMITS if limit in field}, "required": name in required}
        for name, field in dict(schema["properties"] or {}).items()
    }


def main(paths: list[str]) -> int:
    """Print the table of all descriptions."""
    table: dict[str, dict[str, Any]] = {}
    for path in paths:
        table |= made_from(json.loads(Path(path).read_text()))
    print(json.dumps(table, indent=1, sort_keys=True))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
