"""Every role documents exactly the variables that it has."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROLES = sorted((Path(__file__).resolve().parents[2] / "roles").iterdir())
# Names that belong to the operator, not to a role of that prefix.
OPERATORS_ROLE = "site"


def options(role: Path) -> dict:
    (spec,) = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"].values()
    return spec.get("options", {})


def defaults(role: Path) -> dict:
    return yaml.safe_load((role / "defaults" / "main.yml").read_text()) or {}


def documented(option: dict):
    """Yield an option and all options inside of it."""
    yield option
    for inner in option.get("options", {}).values():
        yield from documented(inner)


@pytest.fixture(params=ROLES, ids=lambda role: role.name)
def role(request) -> Path:
    return request.param


def test_defaults_and_specs_name_the_same_variables(role):
    required = {name for name, option in options(role).items() if option.get("required")}
    assert set(options(role)) - required == set(defaults(role)) - required
    assert set(defaults(role)) <= set(options(role))


def test_defaults_are_what_the_spec_says(role):
    for name, option in options(role).items():
        if "default" in option:
            assert defaults(role)[name] == option["default"], name


def test_every_option_is_described_with_its_type(role):
    for name, option in options(role).items():
        for part in documented(option):
            assert part.get("description") and part.get("type"), name


def test_secrets_are_marked(role):
    for name, option in options(role).items():
        parts = [(name, option), *((f"{name}.{key}", value) for key, value in option.get("options", {}).items())]
        for path, part in parts:
            if path.endswith(("password", "secret", "token")) and part["type"] == "str":
                assert part.get("no_log"), path


def test_variables_carry_their_roles_prefix(role):
    if role.name != OPERATORS_ROLE:
        assert [name for name in options(role) if not name.startswith(f"{role.name}_")] == []
