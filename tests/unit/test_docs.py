"""Links and paths in the pages, and in what points at them, lead somewhere."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from listkit.check import components

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
INDEX = DOCS / "README.md"
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
DOCS_PATH = re.compile(r"(?<![\w/.])docs/[\w./-]+\.\w+")
# Where messages, comments and descriptions may name a page.
SOURCES = [
    "Makefile",
    "collections",
    "inventory.example",
    "molecule",
    "playbooks",
    "roles",
    "src",
    "terraform",
    "tests",
    "tools",
]


def files(top: Path) -> Iterator[Path]:
    """The files below a folder, without hidden folders: they hold what was installed or built."""
    if top.is_file():
        yield top
    for folder, folders, names in os.walk(top):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(folder, name) for name in names)


PAGES = sorted(path for path in files(ROOT) if path.suffix == ".md")


@cache
def text(page: Path) -> str:
    return FENCED.sub("", page.read_text())


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors that a forge makes of a page's headings."""
    found: dict[str, int] = {}
    for heading in HEADING.findall(text(page)):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found[anchor] = found.get(anchor, -1) + 1
        if found[anchor]:
            found[f"{anchor}-{found[anchor]}"] = 0
    return frozenset(found)


def links(page: Path) -> Iterator[tuple[str, Path, str]]:
    """A page's relative links: as written, the file, and the anchor, if any."""
    for link in ("".join(groups) for groups in LINK.findall(text(page))):
        if ":" not in link:
            path, _, anchor = link.partition("#")
            yield link, (page.parent / path).resolve() if path else page, anchor


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path):
    broken = [
        link
        for link, target, anchor in links(page)
        if not target.exists() or (anchor and anchor not in anchors(target))
    ]
    assert broken == []


def test_the_index_leads_to_every_page():
    reached, ahead = set(), [INDEX]
    while ahead:
        page = ahead.pop()
        if page not in reached:
            reached.add(page)
            ahead += [target for _, target, _ in links(page) if target.suffix == ".md" and target.is_relative_to(DOCS)]
    assert (
        sorted(str(page.relative_to(ROOT)) for page in {page for page in PAGES if page.is_relative_to(DOCS)} - reached)
        == []
    )


def rows(page: str, heading: str) -> dict[str, str]:
    """The first two columns of the tables below a heading or a line of a page, without backquotes."""
    below = (DOCS / page).read_text().partition(heading)[2]
    found = re.findall(r"^\| `?([^|`]+?)`? \| `?([^|`]+?)`? \|", below, re.MULTILINE)
    assert found, heading
    return dict(found)


def test_the_table_of_ports_has_the_endpoints():
    endpoints = json.loads((ROOT / "src/listkit/common/endpoints.json").read_text())
    # PostgreSQL asks for a password, and its port may be another host's.
    ports = {str(endpoint["port"]) for name, endpoint in endpoints.items() if name != "database"}
    assert {port for port in rows("runbooks/access.md", "## Daemons on loopback") if port.isdigit()} == ports


def test_the_table_of_the_lists_settings_has_the_defaults():
    defaults = yaml.safe_load((ROOT / "roles/site/vars/main.yml").read_text())["_site_list_defaults"]
    table = rows("reference/inventory-and-web-interface.md", "The kit's five settings")
    assert {name: yaml.safe_load(table[name]) for name in table if name != "setting" and not name.startswith("-")} == (
        defaults
    )


def test_contributing_names_the_roles_in_the_order_of_a_run():
    listed = (ROOT / "CONTRIBUTING.md").read_text().partition("- Roles, in the order of a run: ")[2].partition(".\n")[0]
    names = re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", listed))
    plays = yaml.safe_load((ROOT / "playbooks/site.yml").read_text())
    order = list(dict.fromkeys(role["role"] for play in plays for role in play.get("roles", [])))
    assert names == order


def test_every_module_of_the_checks_has_its_place():
    files = {file.stem for file in (ROOT / "src/listkit/check/components").glob("*.py")} - {"__init__"}
    assert files == set(components.MODULES)


@pytest.mark.parametrize("source", SOURCES)
def test_pages_that_the_code_names_exist(source: str):
    named = {
        (str(path.relative_to(ROOT)), name)
        for path in files(ROOT / source)
        if b"docs/" in (content := path.read_bytes()) and b"\0" not in content
        for name in DOCS_PATH.findall(content.decode())
    }
    assert sorted((path, name) for path, name in named if not (ROOT / name).exists()) == []
