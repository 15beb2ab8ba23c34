"""The dashboards are valid in Grafana's own model of them, and so are the files that provision them.

Grafana itself has no package in Debian. Its SDK has the schemas that Grafana publishes, as Python classes: a dashboard
is read into them, which loses what they don't know, and every value is compared with its declared type.
"""

from __future__ import annotations

import enum
import json
import types
import typing
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

ROOT = Path(__file__).parents[2]
GRAFANA = ROOT / "monitoring/grafana"
DASHBOARDS = sorted(GRAFANA.glob("*.json"))
PANELS = {"stat", "state-timeline", "timeseries"}
"""The types of panels that we use, each with a schema of its own for its options."""

# The configuration files of provisioning, as Grafana documents them; there is no published schema.
_TEXT, _FLAG, _NUMBER = {"type": "string", "minLength": 1}, {"type": "boolean"}, {"type": "integer", "minimum": 1}


def _object(required: str, **properties: object) -> dict[str, object]:
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


SCHEMAS = {
    "datasources": _object(
        "apiVersion datasources",
        apiVersion={"const": 1},
        datasources={
            "type": "array",
            "items": _object(
                "name type access url",
                name=_TEXT, type=_TEXT, access={"enum": ["proxy", "direct"]}, url={"type": "string", "pattern": "^https?://"},
                uid=_TEXT, isDefault=_FLAG, editable=_FLAG, jsonData={"type": "object"},
            ),
        },
    ),
    "dashboards": _object(
        "apiVersion providers",
        apiVersion={"const": 1},
        providers={
            "type": "array",
            "items": _object(
                "name type options",
                name=_TEXT, type={"const": "file"}, folder=_TEXT, folderUid=_TEXT, disableDeletion=_FLAG,
                allowUiUpdates=_FLAG, updateIntervalSeconds=_NUMBER,
                options=_object("path", path={"type": "string", "pattern": "^/"}, foldersFromFilesStructure=_FLAG),
            ),
        },
    ),
}  # fmt: skip


def problems(content: dict[str, typing.Any]) -> list[str]:
    """What is wrong with a dashboard: values that the model doesn't know or changes, and those of a wrong type."""
    plugins.register_default_plugins()
    model = Dashboard.from_json(content)
    kept = json.loads(JSONEncoder(sort_keys=True).encode(model))
    return [*lost(content, kept, "dashboard"), *mistyped(model, "dashboard")]


def lost(written: object, kept: object, place: str) -> Iterator[str]:
    """Yield the places at which a value was written that isn't kept."""
    if isinstance(written, dict) and isinstance(kept, dict):
        for key, value in written.items():
            yield from lost(value, kept[key], f"{place}.{key}") if key in kept else [f"{place}.{key}: unknown"]
    elif isinstance(written, list) and isinstance(kept, list) and len(written) == len(kept):
        for number, (value, other) in enumerate(zip(written, kept, strict=True)):
            yield from lost(value, other, f"{place}[{number}]")
    elif written != kept:
        yield f"{place}: {written!r} became {kept!r}"


def mistyped(model: object, place: str) -> Iterator[str]:
    """Yield the places in a model at which a value isn't of its declared type."""
    for name, hint in typing.get_type_hints(type(model)).items():
        value = getattr(model, name)
        if not fits(value, hint):
            yield f"{place}.{name}: {value!r} isn't {hint}"
        for number, each in enumerate(value if isinstance(value, list) else [value]):
            if type(each).__module__.startswith("grafana_foundation_sdk.models") and not isinstance(each, enum.Enum):
                yield from mistyped(each, f"{place}.{name}[{number}]")


def fits(value: object, hint: typing.Any) -> bool:
    """Whether a value is of a type, as its annotation declares it."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is typing.Any or hint is object:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, each) for each in arguments)
    if origin is typing.Literal:
        return value in arguments
    if origin is list:
        return isinstance(value, list) and all(fits(each, arguments[0]) for each in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(each, arguments[1]) for each in value.values())
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return value in [each.value for each in hint]
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, origin or hint)


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.name)
def test_grafana_understands_a_dashboard(file: Path):
    content = json.loads(file.read_text())
    assert problems(content) == []
    assert {panel["type"] for panel in content["panels"]} <= PANELS
    numbers = [panel["id"] for panel in content["panels"]]
    assert len(set(numbers)) == len(numbers)


def test_each_has_an_identity_of_its_own():
    assert {file.stem for file in DASHBOARDS} >= {"overview", "mail-flow", "web"}
    assert len({json.loads(file.read_text())["uid"] for file in DASHBOARDS}) == len(DASHBOARDS)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda content: content.update(panles=[]), "dashboard.panles: unknown"),
        (lambda content: content.update(refresh=5), "dashboard.refresh: 5 isn't"),
        (lambda content: content["panels"][0]["gridPos"].update(w="wide"), "'wide' isn't"),
        (lambda content: content["panels"][0]["targets"][0].update(exprs="up"), "exprs: unknown"),
        (lambda content: content["panels"][0]["fieldConfig"]["defaults"].update(units="s"), "units: unknown"),
        (lambda content: content["panels"][0]["fieldConfig"]["defaults"]["custom"].update(lines=1), "lines: unknown"),
    ],
)
def test_a_fault_is_found(change, problem: str):
    content = json.loads((GRAFANA / "mail-flow.json").read_text())
    change(content)
    assert any(problem in found for found in problems(content))


@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_files_of_provisioning_are_valid(kind: str):
    [file] = (GRAFANA / "provisioning" / kind).iterdir()
    content = yaml.safe_load(file.read_text())
    jsonschema.validate(content, SCHEMAS[kind])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**content, "version": 1}, SCHEMAS[kind])
