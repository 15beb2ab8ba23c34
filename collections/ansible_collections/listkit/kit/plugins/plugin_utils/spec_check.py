# SPDX-License-Identifier: MIT
"""Check values against the argument specs of roles, and return all problems instead of the first."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.listkit.kit.plugins.plugin_utils.problem import Problem, secret_example

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
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a dictionary",
    "path": "a path",
}
# The words that Ansible's filter `bool` knows. It guesses at any other.
_SWITCHES = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}
_WHOLE = re.compile(r"-?[0-9]+")
_QUOTE = """is read as a number: quote it, on a host's line of an INI inventory twice, '"…"', and without !unsafe"""
CLOSE = 0.75


def example(name: str, option: Mapping[str, Any]) -> str:
    """Return a valid value for variable `name`: the example in the description, or one of its type."""
    if option.get("no_log"):
        return secret_example(name)
    description = option.get("description", "")
    text = description if isinstance(description, str) else " ".join(description)
    found = _EXAMPLE.search(text)
    if found:
        return found["example"]
    if option.get("choices"):
        return str(option["choices"][0])
    return _SAMPLES.get(option.get("type", "str"), "a value")


def suggestion(name: str, known: Iterable[str]) -> str | None:
    """Return the name in `known` that is most like `name`; None if none is."""
    close = difflib.get_close_matches(name, list(known), 1, CLOSE)
    return close[0] if close else None


def check(
    name: str, value: Any, option: Mapping[str, Any], *, secret: bool = False, literal: bool = False
) -> list[Problem]:
    """Return all problems of variable `name` with `value`.

    `secret`: it is part of a secret; `literal`: text is not converted to the number or boolean that it spells.
    """
    secret = secret or option.get("no_log", False)
    kind, choices = option.get("type", "str"), option.get("choices")
    shown = "" if secret else f", not {value!r}"
    if value is None:
        return [Problem(name, "is empty", example(name, option))]
    wrong = _wrong_type(name, value, kind, shown, literal)
    if wrong:
        return [Problem(name, wrong, example(name, option))]
    if choices and str(value) not in map(str, choices):
        return [Problem(name, f"must be one of {', '.join(map(str, choices))}{shown}", example(name, option))]
    if kind == "list":
        return _check_items(name, value, option, secret, literal)
    if kind == "dict" and "options" in option:
        return _check_keys(name, value, option["options"], secret, literal)
    return []


def _check_keys(
    name: str, value: Mapping[str, Any], options: Mapping[str, Any], secret: bool, literal: bool
) -> list[Problem]:
    """Return all problems of the dictionary `value`: unknown, missing and wrong keys."""
    problems = []
    for key in [str(key) for key in value if key not in options]:
        close = suggestion(key, options)
        hint = f"did you mean {close}?" if close else f"known are {', '.join(options)}"
        right = close or next(iter(options))
        problems.append(Problem(f"{name}.{key}", f"is unknown; {hint}", f"{right}: {example(right, options[right])}"))
    for key, option in options.items():
        if key in value:
            problems += check(f"{name}.{key}", value[key], option, secret=secret, literal=literal)
        elif option.get("required"):
            problems.append(Problem(f"{name}.{key}", "is missing", example(f"{name}.{key}", option)))
    return problems


def _check_items(name: str, value: Any, option: Mapping[str, Any], secret: bool, literal: bool) -> list[Problem]:
    inherited = {key: option[key] for key in ("options", "choices", "description") if key in option}
    element = {**inherited, "type": option.get("elements", "raw")}
    return [
        problem
        for number, item in enumerate(value, start=1)
        for problem in check(f"{name}[#{number}]", item, element, secret=secret, literal=literal)
    ]


def _wrong_type(name: str, value: Any, kind: str, shown: str, literal: bool) -> str | None:
    """Return why `value` isn't of type `kind`. Stricter than Ansible, whose leniency hides mistakes."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind in ("str", "path") and is_number:
        return _QUOTE
    spelt = _spelt(value, kind) if isinstance(value, str) else None
    if literal and spelt is not None:
        right = json.dumps(spelt)
        return f"is text: in YAML write {right}, in an INI inventory {spelt}, with -e '{{\"{name}\": {right}}}'"
    is_whole = is_number and isinstance(value, int)
    fits = {
        "str": isinstance(value, str),
        "path": isinstance(value, str),
        "list": isinstance(value, list),
        "dict": isinstance(value, Mapping),
        "bool": isinstance(value, bool) or spelt is not None or (not literal and is_whole and value in (0, 1)),
        "int": is_whole or spelt is not None,
        "float": is_number or spelt is not None,
    }
    return None if fits.get(kind, True) else f"must be {_TYPES.get(kind, kind)}{shown}"


def _spelt(text: str, kind: str) -> bool | int | float | None:
    """Return the boolean or number that `text` spells, if any."""
    if kind == "bool":
        return _SWITCHES.get(text.lower())
    if kind == "int":
        return int(text) if _WHOLE.fullmatch(text) else None
    if kind == "float":
        try:
            return float(text)
        except ValueError:
            return None
    return None
