"""A new list's settings come from one file, and a wrong one is named."""

import enum
import json
from types import SimpleNamespace

import pytest

from listkit.mailman import list_defaults


class Munging(enum.Enum):
    """An enumeration as Mailman has them."""

    no_munging = 0
    point_to_list = 1


def column(enum=None):
    """A column of Mailman's database."""
    return SimpleNamespace(type=SimpleNamespace(enum=enum) if enum else SimpleNamespace())


class MailingList:
    """A list as SQLAlchemy makes it: nothing is set yet."""

    reply_goes_to_list = column(Munging)
    first_strip_reply_to = column()
    max_message_size = column()


@pytest.fixture
def mailing_list():
    return MailingList()


def test_names_become_the_members_of_mailmans_enumerations(mailing_list):
    list_defaults.apply(mailing_list, {"reply_goes_to_list": "point_to_list"})
    assert mailing_list.reply_goes_to_list is Munging.point_to_list


def test_other_values_are_taken_as_they_are(mailing_list):
    list_defaults.apply(mailing_list, {"first_strip_reply_to": True, "max_message_size": 0})
    assert mailing_list.first_strip_reply_to is True
    assert mailing_list.max_message_size == 0


def test_an_unknown_setting_is_named_with_a_right_one(mailing_list):
    with pytest.raises(ValueError, match=r"list-defaults.json: 'dmark' is no setting .* such as"):
        list_defaults.apply(mailing_list, {"dmark": True})


def test_a_wrong_value_is_named_with_the_choices(mailing_list):
    with pytest.raises(ValueError, match="reply_goes_to_list is 'no', but must be one of no_munging, point_to_list"):
        list_defaults.apply(mailing_list, {"reply_goes_to_list": "no"})


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
