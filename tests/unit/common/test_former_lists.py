"""The former addresses of renamed lists."""

from __future__ import annotations

import pytest

from listkit.common import former_lists


@pytest.fixture(autouse=True)
def path(monkeypatch, tmp_path):
    monkeypatch.setattr(former_lists, "PATH", tmp_path / "lists" / "former.json")
    return former_lists.PATH


def test_a_former_address_leads_to_the_list_until_it_is_removed(path):
    assert former_lists.read() == {}
    former_lists.add("old@example.org", "new@example.org")
    former_lists.add("a@example.org", "b@example.org")
    assert former_lists.read() == {"old@example.org": "new@example.org", "a@example.org": "b@example.org"}
    assert path.stat().st_mode & 0o777 == 0o644 and path.parent.stat().st_mode & 0o777 == 0o755
    former_lists.remove("old@example.org")
    assert former_lists.read() == {"a@example.org": "b@example.org"}


def test_all_former_addresses_lead_to_the_latest_one():
    former_lists.add("a@example.org", "b@example.org")
    former_lists.add("b@example.org", "c@example.org")
    assert former_lists.read() == {"a@example.org": "c@example.org", "b@example.org": "c@example.org"}


def test_a_list_can_get_its_former_address_back():
    former_lists.add("a@example.org", "b@example.org")
    former_lists.add("b@example.org", "a@example.org")
    assert former_lists.read() == {"b@example.org": "a@example.org"}
