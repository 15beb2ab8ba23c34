#!/usr/bin/env python3
"""Write docs/variables.md from the roles' argument specs, which are the one place where variables are described.

usage: variables_page.py [--check]     --check: write nothing, exit 1 when the page isn't current
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "variables.md"
STATIONS = ["site", "base", "database", "relay", "core", "web", "bridge", "lists", "verify"]
HEAD = """\
# Variables

Made by `make docs` from `roles/*/meta/argument_specs.yml`. The first table is the operator's: these names go into the
inventory. The others are the roles' own, for those who look deeper; what `playbooks/site.yml` sets from the operator's
names is set there only.
"""


def cell(value: object) -> str:
    """A value or a text as one cell of a Markdown table."""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        value = " ".join(value)
    return " ".join(str(value).split()).replace("|", "\\|")


def default(option: dict) -> str:
    if option.get("required"):
        return "**required**"
    return f"`{cell(option['default'])}`" if option.get("default") not in (None, "") else ""


def table(role: str) -> str:
    """The table of one role's variables."""
    path = ROOT / "roles" / role / "meta" / "argument_specs.yml"
    spec = yaml.safe_load(path.read_text())["argument_specs"]["main"]
    rows = [
        f"| `{name}` | {option.get('type', 'str')} | {default(option)} | {cell(option.get('description', ''))} |"
        for name, option in spec["options"].items()
    ]
    title = "The operator's variables" if role == "site" else f"Role `{role}`"
    return "\n".join(
        [
            f"## {title}",
            "",
            cell(spec["short_description"]) + ".",
            "",
            "| name | type | default | what |",
            "|---|---|---|---|",
            *rows,
        ]
    )


def main(arguments: list[str]) -> int:
    """Write or check the page."""
    page = "\n\n".join([HEAD.rstrip(), *(table(role) for role in STATIONS)]) + "\n"
    if "--check" in arguments:
        if not PAGE.exists() or PAGE.read_text() != page:
            print(f"{PAGE.relative_to(ROOT)} isn't current: run `make docs`", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
