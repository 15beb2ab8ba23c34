# SPDX-License-Identifier: MIT
"""Check values against role argument specs, and find all problems instead of the first one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible.module_utils.common.parameters import DEFAULT_TYPE_VALIDATORS
from ansible_collections.lists.mailman3.plugins.plugin_utils.problem import Problem

_EXAMPLE = re.compile(r"for example V\((?P<example>.*?)\)(?=[.,; ]|$)")
_SAMPLES = {
    "str": "some text",
    "int": "10",
    "bool": "true",
    "list": "[one, two]",
    "dict": "{key: value}",
    "path": "/etc/file",
}
_TYPES = {
    "str": "text",
    "int": "a whole number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a dictionary",
    "path": "a path",
}
CLOSE = 0.75


def example(option: Mapping[str, Any]) -> str:
    """Return a right value for `option`: what its description gives as an example, or else what its type suggests."""
    description = option.get("description", "")
    text = description if isinstance(description, str) else " ".join(description)
    found = _EXAMPLE.search(text)
    if found:
        return found["example"]
    if option.get("choices"):
        return str(option["choices"][0])
    return _SAMPLES.get(option.get("type", "str"), "a value")


def suggestion(name: str, known: Iterable[str]) -> str | None:
    """Return the name in `known` that `name` may be a misspelling of."""
    close = difflib.get_close_matches(name, list(known), 1, CLOSE)
    return close[0] if close else None


def check(name: str, value: Any, option: Mapping[str, Any], secret: bool = False) -> list[Problem]:
    """Return all problems of variable `name` with `value`; `secret`: it stands inside of a secret."""
    secret = secret or option.get("no_log", False)
    kind, choices = option.get("type", "str"), option.get("choices")
    shown = "" if secret else f", not {value!r}"
    if value is None:
        return [Problem(name, "is empty", example(option))]
    if not _has_type(value, kind):
        return [Problem(name, f"must be {_TYPES.get(kind, kind)}{shown}", example(option))]
    if choices and str(value) not in map(str, choices):
        return [Problem(name, f"must be one of {', '.join(map(str, choices))}{shown}", example(option))]
    if kind == "list":
        return _check_items(name, value, option, secret)
    if kind == "dict" and "options" in option:
        return check_keys(name, value, option["options"], secret)
    return []


def check_keys(name: str, value: Mapping[str, Any], options: Mapping[str, Any], secret: bool = False) -> list[Problem]:
    """Return all problems of the dictionary `value`: unknown keys, missing ones, wrong ones."""
    problems = []
    for key in [str(key) for key in value if key not in options]:
        close = suggestion(key, options)
        hint = f"did you mean {close}?" if close else f"known are {', '.join(options)}"
        right = close or next(iter(options))
        problems.append(Problem(f"{name}.{key}", f"is unknown; {hint}", f"{right}: {example(options[right])}"))
    for key, option in options.items():
        if key in value:
            problems += check(f"{name}.{key}", value[key], option, secret)
        elif option.get("required"):
            problems.append(Problem(f"{name}.{key}", "is missing", example(option)))
    return problems


def _check_items(name: str, value: Any, option: Mapping[str, Any], secret: bool) -> list[Problem]:
    inherited = {key: option[key] for key in ("options", "choices", "description") if key in option}
    element = {**inherited, "type": option.get("elements", "raw")}
    return [
        problem
        for number, item in enumerate(value, start=1)
        for problem in check(f"{name}[#{number}]", item, element, secret)
    ]


def _has_type(value: Any, kind: str) -> bool:
    """Return whether Ansible takes `value` for a `kind`; stricter where its leniency hides mistakes."""
    if kind == "str":
        return isinstance(value, (str, int, float)) and not isinstance(value, bool)
    if kind == "list":
        return isinstance(value, list)
    if kind == "dict":
        return isinstance(value, Mapping)
    if kind == "int" and isinstance(value, (bool, float)):
        return False
    try:
        DEFAULT_TYPE_VALIDATORS[kind](value)
    except (TypeError, ValueError):
        return False
    return True
