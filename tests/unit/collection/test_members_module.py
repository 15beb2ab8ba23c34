"""The module `members` against a double of Mailman, with and without the bulk resource."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.listkit.mailman3.plugins.module_utils import plain_roster, rest, rosters
from ansible_collections.listkit.mailman3.plugins.module_utils.changes import Incomplete
from ansible_collections.listkit.mailman3.plugins.modules import members as members_module
from ansible_collections.listkit.mailman3.plugins.modules import members_info
from mailman_double import PASSWORD, MailmanDouble, recorded_config

LIST = "members@example.org"


@pytest.fixture(params=["bulk", "plain"])
def mailman(request):
    double = MailmanDouble()
    double.bulk = request.param == "bulk"
    double.lists[LIST] = {**recorded_config(), "admin_notify_mchanges": True}
    double.people[LIST] = {}
    yield double
    double.close()


@pytest.fixture
def converge(mailman, tmp_path):
    """Run the module as if at the moment before Ansible's output; return its changes and results."""
    (tmp_path / "password").write_text(PASSWORD)

    def run(check=False, **options):
        connection = {
            "api_url": mailman.url,
            "api_user": "restadmin",
            "api_password_file": str(tmp_path / "password"),
            "api_wait": 0,
        }
        params = {**connection, "list": LIST, "members": None, "owners": None, "moderators": None, "nonmembers": None}
        module = SimpleNamespace(params={**params, **options}, check_mode=check)
        changes, results = members_module.converge(module, rest.Api.of(connection))
        return [change for change in changes if change], results

    return run


def subscribe(mailman, *addresses, role="member"):
    mailman.people[LIST].update({f"{role} {address}": {} for address in addresses})


def test_adds_and_changes_without_mail_and_a_second_run_writes_nothing(mailman, converge):
    subscribe(mailman, "ben@example.org", "cem@example.org")
    entries = [
        "Ana Lopez <Ana@example.org>",
        {"address": "BEN@example.org", "delivery_mode": "digest", "delivery_status": "by_user", "display_name": "Ben"},
    ]
    changes, results = converge(members={"entries": entries})
    people = mailman.people[LIST]
    assert list(people) == ["member ben@example.org", "member cem@example.org", "member ana@example.org"]
    assert people["member ana@example.org"] == {"display_name": "Ana Lopez"}
    wanted = {"delivery_mode": "mime_digests", "delivery_status": "by_user", "display_name": "Ben"}
    assert people["member ben@example.org"] == wanted
    assert changes[0].what == f"members of {LIST}"
    assert changes[0].before == {"members": ["ben@example.org, regular, enabled"]}
    assert changes[0].after == {
        "members": ["Ana@example.org, Ana Lopez", "ben@example.org, Ben, mime_digests, by_user"],
    }
    (outcome,) = results["rosters"]
    assert (outcome["added"], outcome["changed"], outcome["removed"]) == (1, 1, 0)
    assert mailman.lists[LIST]["admin_notify_mchanges"] is True and mailman.welcomed == []
    mailman.writes.clear()
    assert converge(members={"entries": entries})[0] == [] and mailman.writes == []


def test_moderation_of_single_people(mailman, converge):
    subscribe(mailman, "ben@example.org")
    mailman.people[LIST]["owner eve@example.org"] = {"moderation_action": "accept"}
    entries = [
        {"address": "ana@example.org", "moderation_action": "accept"},
        {"address": "ben@example.org", "moderation_action": "Hold"},
    ]
    changes, _results = converge(members={"entries": entries}, owners={"entries": ["eve@example.org"]})
    people = mailman.people[LIST]
    assert people["member ana@example.org"] == {"moderation_action": "accept"}
    assert people["member ben@example.org"] == {"moderation_action": "hold"}
    assert changes[0].after == {"members": ["ana@example.org, accept", "ben@example.org, regular, enabled, hold"]}
    assert converge(members={"entries": [*entries]})[0] == []
    assert converge(members={"entries": ["ana@example.org", "ben@example.org"]})[0] == [], "it stays"


def test_check_mode_writes_nothing_and_predicts_the_same(mailman, converge):
    subscribe(mailman, "ben@example.org", "cem@example.org")
    option = {"state": "exact", "entries": ["ana@example.org", "ben@example.org"]}
    predicted = converge(check=True, members=option)
    assert mailman.writes == []
    assert converge(members=option) == predicted
    assert list(mailman.people[LIST]) == ["member ben@example.org", "member ana@example.org"]


def test_wanted_mail_is_in_the_plan_with_what_it_costs(mailman, converge):
    subscribe(mailman, "ben@example.org")
    entries = ["ben@example.org", *(f"p{number}@example.com" for number in range(5))]
    wanted = {"entries": entries, "welcome": True, "daily_limit": 2}
    _changes, results = converge(members=wanted, check=True)
    cost = "250 % of the 2 messages that may leave in a day; the last leaves after 2 days"
    assert results["rosters"][0]["plan"][1] == f"  5 welcome messages will be sent: {cost}" and mailman.welcomed == []
    assert converge(members=wanted)[1] == results
    assert mailman.welcomed == entries[1:]
    assert converge(members=wanted)[0] == [] and mailman.welcomed == entries[1:]
    with pytest.raises(ValueError, match="owners: welcome: Mailman has a welcome message for members only"):
        converge(owners={"entries": ["ana@example.org"], "welcome": True})


def test_each_role_is_for_itself(mailman, converge):
    for role in ("member", "owner", "moderator", "nonmember"):
        subscribe(mailman, f"{role}@example.org", role=role)
    converge(
        owners={"state": "exact", "entries": ["ana@example.org"]},
        nonmembers={"state": "exact", "entries": [], "allow_empty": True},
    )
    people = sorted(mailman.people[LIST])
    assert people == ["member member@example.org", "moderator moderator@example.org", "owner ana@example.org"]


def test_the_last_owner_stays(mailman, converge):
    subscribe(mailman, "ana@example.org", role="owner")
    changes, results = converge(owners={"state": "exact", "entries": [], "allow_empty": True})
    assert changes == [] and "stays, as the last owner" in results["rosters"][0]["plan"][0]
    assert list(mailman.people[LIST]) == ["owner ana@example.org"]


def test_too_many_removals_show_all_plans_and_write_nothing(mailman, converge):
    subscribe(mailman, *(f"p{number:03}@example.com" for number in range(120)))
    wanted = [f"p{number:03}@example.com" for number in range(59)]
    option = {"state": "exact", "entries": [*wanted, "new@example.org"]}
    with pytest.raises(rosters.PlanRefused) as error:
        converge(owners={"entries": ["ana@example.org"]}, members=option)
    lines = str(error.value).splitlines()
    assert mailman.writes == [] and len(lines) == 1 + 62 + 2 + 1
    assert "  - p119@example.com, regular, enabled" in lines and "  + ana@example.org" in lines
    assert lines[-1] == (
        "members@example.org: 61 of 120 members (51 %) would be removed, more than 25 %."
        " Look at the plan above; if it is meant: max_removals: 61"
    )
    converge(members={**option, "max_removals": 61})
    assert len(mailman.people[LIST]) == 60


def test_one_refused_person_does_not_stop_the_others(mailman, converge):
    mailman.refused = {"eve@example.com": "Membership is banned"}
    with pytest.raises(Incomplete) as error:
        converge(members={"entries": ["ana@example.org", "Eve@example.com", "zoe@example.org"]})
    assert str(error.value) == (
        "members@example.org: members: 1 of the changes failed; all others are done\n"
        "  Eve@example.com  Membership is banned"
    )
    assert error.value.results["failures"] == [
        {"list": LIST, "role": "member", "address": "Eve@example.com", "reason": "Membership is banned"}
    ]
    assert sorted(mailman.people[LIST]) == ["member ana@example.org", "member zoe@example.org"]
    assert mailman.lists[LIST]["admin_notify_mchanges"] is True


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ({}, "members@example.org: members: needs one of entries, file, content"),
        ({"entries": [], "content": ""}, "needs one of entries, file, content"),
        ({"entries": ["ana@example.org", "ben"]}, r"members@example.org: members: entries\[#2\]: 'ben' is not a full"),
        ({"content": "address\nana\n"}, "members@example.org: members: line 2: 'ana' is not a full"),
        ({"file": "/nowhere.csv"}, "members: file: /nowhere.csv: No such file"),
        ({"entries": [], "state": "exact"}, "would remove all members; if it is meant: allow_empty: true"),
        ({"entries": [LIST]}, "the list's own address can't be a member"),
    ],
)
def test_what_is_not_valid_is_refused_before_anything_is_written(mailman, converge, option, reason):
    with pytest.raises(ValueError, match=reason):
        converge(owners={"entries": ["ana@example.org"]}, members=option)
    assert mailman.writes == []


def test_a_file_on_the_host_is_named_with_its_line(mailman, converge, tmp_path):
    (tmp_path / "m.csv").write_text("address\nana@example.org\n")
    converge(members={"file": str(tmp_path / "m.csv")})
    assert list(mailman.people[LIST]) == ["member ana@example.org"]
    (tmp_path / "m.csv").write_text("address\nana@\n")
    with pytest.raises(ValueError, match=r"members: file: .*/m.csv, line 2: 'ana@' is not a full"):
        converge(members={"file": str(tmp_path / "m.csv")})


def test_a_list_that_does_not_exist(converge):
    with pytest.raises(ValueError, match=r"other@example.org: there is no such list"):
        converge(list="other@example.org", members={"entries": ["ana@example.org"]})


def test_members_info_returns_what_members_accepts(mailman, converge):
    subscribe(mailman, "zoe@example.org", "ana@example.org")
    subscribe(mailman, "ben@example.org", role="owner")
    api = rest.Api(mailman.url, "restadmin", PASSWORD)
    module = SimpleNamespace(params={"list": LIST, "roles": ["member", "owner"]})
    changes, results = members_info.look_up(module, api)
    people = results["rosters"]
    assert changes == [] and [one["address"] for one in people["members"]] == ["ana@example.org", "zoe@example.org"]
    assert people["owners"] == [
        {"address": "ben@example.org", "delivery_mode": "regular", "delivery_status": "enabled"}
    ]
    assert converge(**{noun: {"state": "exact", "entries": people[noun]} for noun in people})[0] == []


def test_pages(mailman, converge, monkeypatch):
    monkeypatch.setattr(plain_roster, "PAGE", 2)
    monkeypatch.setattr("mailman_double.BULK_PAGE", 2)
    subscribe(mailman, *(f"p{number}@example.com" for number in range(4)))
    mailman.people[LIST]["member p3@example.com"]["delivery_status"] = "by_bounces"
    option = {"state": "exact", "entries": [f"p{number}@example.com" for number in range(4)]}
    assert converge(members=option)[0] == []
    option["entries"][3] = {"address": "p3@example.com", "delivery_status": "enabled"}
    assert converge(members=option)[0][0].before == {"members": ["p3@example.com, regular, by_bounces"]}


@pytest.mark.parametrize("mailman", ["bulk"], indirect=True)
def test_thousands_need_few_requests(mailman, converge):
    entries = [f"p{number:05}@example.com" for number in range(10_000)]
    mailman.requests.clear()
    converge(members={"state": "exact", "entries": entries})
    assert len(mailman.people[LIST]) == 10_000 and len(mailman.requests) <= 20
    mailman.requests.clear()
    assert not any(converge(members={"state": "exact", "entries": entries})[0])
    assert len(mailman.requests) <= 3


@pytest.mark.parametrize("mailman", ["plain"], indirect=True)
def test_a_mailman_that_goes_away_ends_the_run(mailman, converge, monkeypatch):
    def add(_self, _entry, _welcome):
        raise rest.Unreachable("Mailman doesn't answer")

    monkeypatch.setattr(plain_roster.PlainRoster, "_add", add)
    with pytest.raises(rest.Unreachable):
        converge(members={"entries": ["ana@example.org"]})
    assert mailman.lists[LIST]["admin_notify_mchanges"] is True


@pytest.mark.parametrize("mailman", ["plain"], indirect=True)
def test_a_person_who_is_gone_meanwhile_is_a_failure(mailman, converge, monkeypatch):
    subscribe(mailman, "ana@example.org", "ben@example.org")
    read = plain_roster.PlainRoster.read

    def read_and_lose_one(self):
        entries = read(self)
        del mailman.people[LIST]["member ben@example.org"]
        return entries

    monkeypatch.setattr(plain_roster.PlainRoster, "read", read_and_lose_one)
    with pytest.raises(Incomplete, match=r"ben@example.org  is not a member any more"):
        converge(members={"state": "exact", "entries": [], "allow_empty": True})
