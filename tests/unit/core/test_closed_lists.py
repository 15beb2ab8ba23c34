"""Which subscriptions a closed list refuses."""

import json

import pytest

from listkit.common.configuration import ConfigurationError
from listkit.mailman import closed_lists

ADDRESS = "board@example.org"


@pytest.fixture
def path(tmp_path):
    (tmp_path / "closed.json").write_text(json.dumps({"lists": [ADDRESS]}))
    return tmp_path / "closed.json"


def test_a_closed_list_refuses_requests_and_accepts_what_an_owner_does(path):
    assert closed_lists.refuses(ADDRESS, False, False, path)
    assert not closed_lists.refuses(ADDRESS, True, False, path)
    assert not closed_lists.refuses(ADDRESS, False, True, path)


def test_other_lists_are_open(path, tmp_path):
    assert not closed_lists.refuses("news@example.org", False, False, path)
    assert not closed_lists.refuses(ADDRESS, False, False, tmp_path / "none.json")


def test_a_broken_file_is_named(path):
    path.write_text(json.dumps([ADDRESS]))
    with pytest.raises(ConfigurationError, match=r"closed\.json: the file: must be a JSON object"):
        closed_lists.is_closed(ADDRESS, path)
