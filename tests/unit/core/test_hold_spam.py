"""Which lists hold what the mail provider marked."""

import json

import pytest

from listkit.common.configuration import ConfigurationError
from listkit.mailman.hold_spam import holds_spam


def test_a_list_may_differ_from_the_others(tmp_path):
    path = tmp_path / "hold-spam.json"
    assert holds_spam("dev@example.org", path), "before the playbook has run"
    for default in (True, False):
        path.write_text(json.dumps({"default": default, "lists": {"dev@example.org": not default}}))
        assert holds_spam("Dev@Example.org", path) is not default
        assert holds_spam("members@example.org", path) is default


def test_a_wrong_value_is_named(tmp_path):
    path = tmp_path / "hold-spam.json"
    path.write_text('{"default": true, "lists": {"dev@example.org": "no"}}')
    with pytest.raises(
        ConfigurationError, match=r'hold-spam\.json: lists\.dev@example\.org: "no" is neither true nor false'
    ):
        holds_spam("members@example.org", path)
