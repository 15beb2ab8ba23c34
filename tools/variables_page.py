#!/usr/bin/env python3
"""Write docs/reference/variables.md from the roles' argument specs, the one place where variables are described.

usage: variables_page.py [--check]     --check: write nothing, exit 1 when the page isn't current
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "variables.md"
# Of the operator's names; those of the roles are the components'.
PREFIXES = ("mail_", "mailman_", "tls_", "acme_", "infomaniak_")
HEAD = """\
# Variables

Made by `make docs` from `roles/*/meta/argument_specs.yml`. The first table is the operator's: these names go into the
inventory. The others are the roles' own, for those who look deeper. What `playbooks/site.yml` sets from the operator's
names is set there only; it says *set by the kit* below.

Names that begin with {prefixes} are the kit's own.
One that isn't on this page stops the run, and so does one that is set by the kit. Your own variables may have any other
name.

In an INI inventory (`inventory.example` is one) a value that looks like a number is one: put secrets in quotes, such as
`mail_password="12345678"`, in a host's own line in two kinds, `'"12345678"'`. The operator's switches take `true`,
`false`, `yes` and `no` wherever they stand; for a role's own, write `True` and `False` in an INI inventory, and
`-e '{{"bridge_delete_processed": false}}'` on the command line.
"""
# Ansible's marks in descriptions: a value, an option, code.
MARKED = re.compile(r"\b[VOC]\((.*?)\)")


def cell(value: object) -> str:
    """A value or a text as one cell of a Markdown table."""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        value = " ".join(value)
    return MARKED.sub(r"`\1`", " ".join(str(value).split())).replace("|", "\\|")


def default(name: str, option: dict) -> str:
    if name in wired():
        return "*set by the kit*"
    if option.get("required"):
        return "**required**"
    value = option.get("default")
    if isinstance(value, list):
        value = f"[{', '.join(map(str, value))}]"
    return "" if value in (None, "") else f"`{cell(value)}`"


@cache
def plays() -> list[dict]:
    """The plays of a deployment."""
    return yaml.safe_load((ROOT / "playbooks" / "site.yml").read_text())


@cache
def roles() -> list[str]:
    """The roles in the order of a run."""
    return list(dict.fromkeys(role["role"] for play in plays() for role in play.get("roles", [])))


@cache
def wired() -> frozenset[str]:
    """What the plays set."""
    return frozenset(name for play in plays() for name in play.get("vars", {}))


def named(options: dict, prefix: str = "") -> Iterator[tuple[str, dict]]:
    """All options with their names, also those inside of others: `lists[].name`."""
    for name, option in options.items():
        yield prefix + name, option
        yield from named(option.get("options", {}), f"{prefix}{name}[].")


def table(role: str) -> str:
    """The table of one role's variables."""
    path = ROOT / "roles" / role / "meta" / "argument_specs.yml"
    (spec,) = yaml.safe_load(path.read_text())["argument_specs"].values()
    rows = [
        f"| `{name}` | {option.get('type', 'str')} | {default(name, option)} | {cell(option.get('description', ''))} |"
        for name, option in named(spec["options"])
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
    prefixes = ", ".join(f"`{prefix}`" for prefix in (*PREFIXES, *(f"{name}_" for name in roles()[1:])))
    page = "\n\n".join([HEAD.format(prefixes=prefixes).rstrip(), *(table(role) for role in roles())]) + "\n"
    if "--check" in arguments:
        if not PAGE.exists() or PAGE.read_text() != page:
            print(f"{PAGE.relative_to(ROOT)} isn't current: run `make docs`", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
