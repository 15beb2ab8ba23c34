"""The feed of an archive names authors, and not their addresses."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from listkit.web.patches import feed_addresses


@pytest.mark.parametrize(
    ("name", "shown"), [("Ana", "Ana"), ("ana@example.org", "ana\uff20example.org"), ("", ""), (None, None)]
)
def test_an_address_that_stands_for_a_name_is_hidden(name, shown):
    author_name = feed_addresses.hide(lambda feed, item: item.sender.name)
    assert author_name(None, SimpleNamespace(sender=SimpleNamespace(name=name))) == shown
