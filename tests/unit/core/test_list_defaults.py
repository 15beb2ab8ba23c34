"""A new list's settings come from one file, and a wrong one is named."""

import json
import sys
from types import ModuleType, SimpleNamespace

import pytest

from listkit.mailman import list_defaults


class Setting:
    """A setting as Mailman's REST API has them: it converts a value, and puts it into a list."""

    def __init__(self, decoder):
        self.decoder = decoder

    def __call__(self, value):
        return value if isinstance(value, bool) else self.decoder(value)

    def put(self, mailing_list, name, value):
        setattr(mailing_list, name, value)


def days(text: str) -> int:
    return int(text.removesuffix("d"))


@pytest.fixture(autouse=True)
def rest_settings(monkeypatch):
    """Mailman's REST API, which isn't on this machine."""
    settings = {
        "autoresponse_grace_period": Setting(days),
        "first_strip_reply_to": Setting({"True": True}.__getitem__),
        "max_message_size": Setting(int),
        "post_id": Setting(None),
    }
    for name in ("mailman", "mailman.rest"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "mailman.rest.listconf", SimpleNamespace(ATTRIBUTES=settings))


@pytest.fixture
def mailing_list():
    return SimpleNamespace()


def test_values_are_converted_as_in_a_request(mailing_list):
    list_defaults.apply(
        mailing_list, {"autoresponse_grace_period": "7d", "first_strip_reply_to": True, "max_message_size": 0}
    )
    assert vars(mailing_list) == {"autoresponse_grace_period": 7, "first_strip_reply_to": True, "max_message_size": 0}


@pytest.mark.parametrize("name", ["dmark", "post_id"])
def test_an_unknown_setting_is_named_with_a_right_one(mailing_list, name):
    with pytest.raises(ValueError, match=f"list-defaults.json: '{name}' is not a setting .* such as"):
        list_defaults.apply(mailing_list, {name: True})


@pytest.mark.parametrize(("name", "value"), [("max_message_size", "big"), ("first_strip_reply_to", "maybe")])
def test_a_wrong_value_is_named(mailing_list, name, value):
    with pytest.raises(ValueError, match=f"{name} is '{value}', which Mailman refuses: "):
        list_defaults.apply(mailing_list, {name: value})


def test_the_file_holds_one_object(tmp_path):
    path = tmp_path / "defaults.json"
    path.write_text(json.dumps({"first_strip_reply_to": True}))
    assert list_defaults.read(path) == {"first_strip_reply_to": True}


@pytest.mark.parametrize("text", ["[]", "{", ""])
def test_anything_else_is_refused_with_the_files_name(tmp_path, text):
    path = tmp_path / "defaults.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"defaults\.json"):
        list_defaults.read(path)


def test_every_style_gives_a_list_the_settings_after_its_own(mailing_list, tmp_path, monkeypatch):
    class Style:
        """A style as Mailman has them."""

        def apply(self, mailing_list):
            mailing_list.max_message_size, mailing_list.first_strip_reply_to = 7, False

    path = tmp_path / "list-defaults.json"
    path.write_text(json.dumps({"first_strip_reply_to": True}))
    monkeypatch.setattr(list_defaults, "read", lambda: json.loads(path.read_text()))
    style = Style()
    list_defaults.extend(style)
    style.apply(mailing_list)
    assert (mailing_list.max_message_size, mailing_list.first_strip_reply_to) == (7, True)
