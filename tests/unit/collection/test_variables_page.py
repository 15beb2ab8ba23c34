"""docs/reference/variables.md, which is made from the specs."""

from __future__ import annotations

import re

import pytest
from ansible_collections.listkit.kit.plugins.plugin_utils.variable_names import KIT_PREFIXES

from tools import variables_page


@pytest.fixture
def page(tmp_path, monkeypatch) -> str:
    monkeypatch.setattr(variables_page, "PAGE", tmp_path / "page.md")
    assert variables_page.main([]) == 0
    return variables_page.PAGE.read_text()


def test_it_shows_no_marks_of_ansibles(page):
    assert re.findall(r"\b[A-Z]\([^)]*\)", page) == []
    assert "`` |" not in page and "| `mailman_lists` | list | `[]` |" in page


def test_it_says_what_the_kit_sets(page):
    assert "| `relay_port` | int | *set by the kit* |" in page
    assert "| `bridge_delete_processed` | bool | `False` |" in page
    assert "| `fqdn` | str | **required** |" in page


def test_it_knows_the_prefixes_that_the_check_watches(page):
    assert variables_page.PREFIXES == KIT_PREFIXES
    assert f"begin with `{KIT_PREFIXES[0]}`, " in page and "`check_` are the kit's own" in page
