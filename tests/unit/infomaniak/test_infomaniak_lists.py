"""The module mailing_lists_info: the provider's own lists."""

from __future__ import annotations

from ansible_collections.listkit.infomaniak.plugins.modules import mailing_lists_info
from ansible_collections.listkit.kit.plugins.plugin_utils.importing import infomaniak
from module_run import HOSTING

from infomaniak_api.account import MailingList


def test_the_lists_with_all_that_is_known_of_them(run, api):
    api.account.hostings[HOSTING].mailing_lists = {
        "news": MailingList("news", welcome="Bonjour"),
        "board": MailingList(
            "board",
            "The board",
            [f"p{number:03}@example.net" for number in range(600)],
            ["ana@example.org"],
            config={"who_can_send": "1", "who_can_subscribe": 2, "lang": None, "use_reply_to": False},
        ),
    }
    board, news = run(mailing_lists_info, mail_hosting=HOSTING)["lists"]
    assert (board["name"], board["address"], board["info"]) == ("board", "board@example.org", "The board")
    assert (board["who_can_send"], board["who_can_subscribe"], board["use_reply_to"]) == (1, 2, False)
    assert board["moderators"] == ["ana@example.org"] and board["language"] == ""
    assert len(board["subscribers"]) == 600
    assert (news["welcome_message"], news["max_message_size"], news["subscribers"]) == ("Bonjour", 10240, [])


def test_none(run):
    assert run(mailing_lists_info, mail_hosting=HOSTING)["lists"] == []


def test_the_kit_can_import_them(run, api):
    config = {"who_can_send": 1, "who_can_subscribe": 2, "subject": "Board", "lang": "de", "use_reply_to": 0}
    board = MailingList("board", "The board", ["ben@example.org"], ["ana@example.org"], "Hallo", config=config)
    api.account.hostings[HOSTING].mailing_lists = {"board": board}
    (found,) = infomaniak.describe(run(mailing_lists_info, mail_hosting=HOSTING)["lists"])
    assert (found.name, found.domain, found.keys["moderators"]) == ("board", "example.org", ["ana@example.org"])
    assert [entry.address for entry in found.members] == ["ben@example.org"]
    assert found.settings["subscription_policy"] == "confirm_then_moderate"
    assert found.settings["reply_goes_to_list"] == "no_munging" and found.settings["subject_prefix"] == "Board "
