"""People on lists: files in their formats, plans, and the guard against removing too many."""

from __future__ import annotations

import pytest
from ansible_collections.listkit.mailman3.plugins.module_utils.membership import files, sync
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.entries import BadEntries, Entry, parse
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.plan import Mail, make_plan, refusal
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.sync import Failure
from hypothesis import given
from hypothesis import strategies as st

LIST = "members@example.org"
ANA, BEN, CEM = Entry("ana@example.org"), Entry("Ben@example.org", "Ben Marsh"), Entry("cem@example.org")


def people(count: int) -> list[Entry]:
    return [Entry(f"p{number:04}@example.com") for number in range(count)]


def test_inline_entries():
    assert parse(
        [
            ("#1", " ana@example.org "),
            ("#2", "Ben Marsh <Ben@example.org>"),
            ("#3", {"address": "cem@example.org", "delivery_mode": "digests", "delivery_status": "by_user"}),
            ("#4", "ANA@example.org"),
        ]
    ) == [ANA, BEN, Entry("cem@example.org", None, "mime_digests", "by_user")]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("ana@", "'ana@' is not a full e-mail address (for example ana@example.org)"),
        ("ana@localhost", "'ana@localhost' is not a full e-mail address"),
        ("jürg@example.org", "'jürg@example.org' is not a full e-mail address"),
        ("a|b@example.org", "is not a full e-mail address"),
        ("Ana <ana@example.org> <", "is not a full e-mail address"),
        (7, "7 is neither an address nor a dictionary"),
        ({"address": "ana@example.org", "name": "Ana"}, "'name' is unknown; known are address, display_name"),
        ({"address": "ana@example.org", "delivery_mode": "weekly"}, "delivery_mode: 'weekly' is not one of regular"),
        ({"address": "ana@example.org", "delivery_status": "off"}, "delivery_status: 'off' is not one of enabled"),
        (
            {"address": "ana@example.org", "moderation_action": "no"},
            "moderation_action: 'no' is not one of accept, defer",
        ),
        ({"address": "ana@example.org", "display_name": "A\nB"}, "characters that can't be printed"),
        ({"display_name": "Ana"}, "'' is not a full e-mail address"),
    ],
)
def test_one_entry_that_is_not_valid_refuses_all(item, reason):
    with pytest.raises(BadEntries) as error:
        parse([("#1", "ben@example.org"), ("#2", item)])
    (problem,) = error.value.problems
    assert problem.startswith("#2: ") and reason in problem


def test_every_problem_is_reported():
    with pytest.raises(BadEntries) as error:
        parse([("line 1", "ana"), ("line 2", "ben"), ("line 3", "cem@example.org")])
    assert [problem[:6] for problem in error.value.problems] == ["line 1", "line 2"]


def test_the_same_address_with_other_values():
    with pytest.raises(BadEntries, match=r"#2: 'ANA@example.org' is already in #1, with other values"):
        parse([("#1", "ana@example.org"), ("#2", {"address": "ANA@example.org", "delivery_mode": "digests"})])


GOOGLE_GROUPS = """\
Members for group News
Email address,Nickname,Group status,Email status,Email preference,Posting permissions,Join year
ana@example.org,Ana Lopez,Owner,Email,Each email,Allowed,2020
ben@example.org,,Member,Bouncing,Digest,Allowed,2021
cem@example.org,"Cem, Dr.",Member,Email,No email,Allowed,2021
"""
GOOGLE_ADMIN = """\
Group Email [Required],Member Email,Member Type,Member Role
news@example.org,ana@example.org,USER,OWNER
"""
SYMPA = """\
date 1512135000
email ana@example.org
gecos Ana Lopez
reception digest

email ben@example.org
reception nomail
subscribed 1
"""


@pytest.mark.parametrize(
    ("form", "text", "entries"),
    [
        ("mailman", "# all\nana@example.org\n\nBen Marsh <Ben@example.org>\n", [ANA, BEN]),
        ("csv", "address\nana@example.org\n", [ANA]),
        ("csv", "Email;Name\r\nana@example.org;\r\nBen@example.org;Ben Marsh\r\n", [ANA, BEN]),
        ("csv", "display_name\taddress\nBen Marsh\tBen@example.org\n", [BEN]),
        (
            "csv",
            'email,delivery_status\n"ana@example.org",by_moderator\n',
            [Entry(ANA.address, None, None, "by_moderator")],
        ),
        (
            "google",
            GOOGLE_GROUPS,
            [
                Entry("ana@example.org", "Ana Lopez"),
                Entry("ben@example.org", None, "mime_digests", "by_bounces"),
                Entry("cem@example.org", "Cem, Dr.", None, "by_user"),
            ],
        ),
        ("google", GOOGLE_ADMIN, [ANA]),
        (
            "sympa",
            SYMPA,
            [Entry("ana@example.org", "Ana Lopez", "mime_digests"), Entry("ben@example.org", None, None, "by_user")],
        ),
        ("mailman", "", []),
    ],
)
def test_formats_are_read_and_detected(form, text, entries):
    assert files.detect(text) == form
    assert files.read(text.encode(), form) == files.read(text) == entries


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"address\nana@example.org\nben\n", "line 3: 'ben' is not a full"),
        (b"address,phone\nana@example.org,1\n", "line 1: the column 'phone' is unknown; known are address"),
        (b"address,name\nana@example.org\n", "line 2: 'ana@example.org' has 1 columns, and the header 2"),
        (b"address,email\na@example.org,b@example.org\n", "line 1: one column must be 'address'"),
        (b"name,address\nJ\xfcrg,j@example.org\n", r"line 2: 'J\\xfcrg,j@example.org' is not UTF-8; save the file"),
        (GOOGLE_GROUPS.replace("ben@", "ben").encode(), "line 4: 'benexample.org' is not a full"),
        (SYMPA.replace("email ben@example.org\n", "").encode(), "line 6: '' is not a full"),
        (b"ana@example.org\nben@example.org,\n", "line 2: 'ben@example.org,' is not a full"),
    ],
)
def test_a_line_that_is_not_valid_is_named(data, problem):
    with pytest.raises(BadEntries) as error:
        files.read(data)
    assert error.value.problems[0].startswith(problem)


def test_a_byte_order_mark_is_no_part_of_the_header():
    assert files.read("\ufeffaddress\nana@example.org\n".encode()) == [ANA]


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], include_characters=" ,;\"'"), max_size=20)


@given(
    st.lists(
        st.builds(
            Entry,
            st.from_regex(r"[a-z0-9._+-]{1,10}@[a-z]{1,8}\.org", fullmatch=True),
            NAMES.map(lambda name: name.strip() or None),
            st.sampled_from([None, "regular", "mime_digests"]),
            st.sampled_from([None, "enabled", "by_bounces"]),
            st.sampled_from([None, "hold"]),
        ),
        unique_by=lambda entry: entry.key,
    )
)
def test_what_is_written_is_read(entries):
    assert files.read(files.write(entries)) == sorted(entries, key=lambda entry: entry.key)


def test_present_adds_and_changes_and_leaves_others():
    current = [
        Entry("ANA@example.org", "Ana", "regular", "enabled"),
        Entry("ben@example.org", None, "regular", "enabled"),
    ]
    wanted = [Entry("ana@example.org", delivery_mode="mime_digests"), CEM]
    plan = make_plan(LIST, "member", current, wanted, exact=False)
    assert plan.add == [CEM] and plan.remove == []
    assert plan.change == [(current[0], Entry("ANA@example.org", "Ana", "mime_digests", "enabled"))]
    assert list(plan.lines()) == [
        "members@example.org: 2 members; 1 to add, 1 to change, 0 to remove",
        "  + cem@example.org",
        "  ~ ANA@example.org, Ana, regular, enabled -> ANA@example.org, Ana, mime_digests, enabled",
    ]
    assert (plan.before(), plan.after()) == (
        ["ANA@example.org, Ana, regular, enabled"],
        ["ANA@example.org, Ana, mime_digests, enabled", "cem@example.org"],
    )


@pytest.mark.parametrize(
    ("messages", "limit", "words"),
    [
        (1, None, "1 welcome message will be sent"),
        (72, 1440, "72 welcome messages will be sent: 5 % of the 1440 messages that may leave in a day"),
        (1441, 1440, "100 % of the 1440 messages that may leave in a day; the last leaves after 1 day"),
    ],
)
def test_the_cost_of_mail(messages, limit, words):
    assert Mail(True, limit).cost(messages).endswith(words)


def test_exact_removes_and_a_second_time_does_nothing():
    current = [Entry("Ana@example.org", "Ana", "regular", "enabled"), BEN]
    plan = make_plan(LIST, "member", current, [ANA], exact=True)
    assert plan.remove == [BEN] and not plan.add and not plan.change
    assert not make_plan(LIST, "member", current[:1], [ANA], exact=True)


def test_owners_have_no_moderation():
    with pytest.raises(ValueError, match="moderation_action is for members and nonmembers, not for owners"):
        make_plan(LIST, "owner", [], [Entry("ana@example.org", moderation_action="hold")], exact=False)


def test_the_lists_own_address_is_refused():
    with pytest.raises(ValueError, match="the list's own address can't be a member"):
        make_plan(LIST, "member", [], [Entry("Members@example.org")], exact=False)
    assert make_plan(LIST, "nonmember", [], [Entry(LIST)], exact=False).add


@pytest.mark.parametrize(
    ("current", "removed", "max_removals", "refused"),
    [
        (9, 9, None, None),
        (10, 2, None, None),
        (10, 3, None, "3 of 10 members (30 %) would be removed, more than 25 %."),
        (80, 20, None, None),
        (120, 61, None, "61 of 120 members (51 %) would be removed, more than 25 %."),
        (84, 21, None, "21 of 84 members (25 %) would be removed, more than 20."),
        (120, 61, 61, None),
        (120, 61, 60, "61 of 120 members (51 %) would be removed, more than the 60 that max_removals allows."),
        (9, 9, 0, "9 of 9 members (100 %) would be removed, more than the 0 that max_removals allows."),
        (0, 0, 0, None),
    ],
)
def test_too_many_removals_are_refused(current, removed, max_removals, refused):
    plan = make_plan(LIST, "member", people(current), people(current)[removed:], exact=True)
    reason = refusal(plan, max_removals)
    if refused is None:
        assert reason is None
    else:
        hint = f"Look at the plan above; if it is meant: max_removals: {removed}"
        assert reason == f"members@example.org: {refused} {hint}"


def test_the_last_owner_stays():
    plan = make_plan(LIST, "owner", [ANA, BEN], [], exact=True)
    assert plan.last_owner == ANA and plan.remove == [BEN]
    assert "ana@example.org stays, as the last owner" in next(plan.lines())
    assert not make_plan(LIST, "owner", [ANA], [], exact=True)


class Recorder:
    """A roster that refuses some people."""

    def __init__(self, *refused: str):
        self.refused, self.calls = refused, []

    def _record(self, what, addresses):
        self.calls.append((what, len(addresses)))
        return [Failure(address, "refused") for address in addresses if address in self.refused]

    def add(self, entries, *, welcome):
        return self._record("add", [entry.address for entry in entries])

    def change(self, pairs):
        return self._record("change", [old.address for old, _new in pairs])

    def remove(self, entries):
        return self._record("remove", [entry.address for entry in entries])


def test_a_plan_is_carried_out_in_batches_with_progress():
    roster, progress = Recorder(), []
    plan = make_plan(LIST, "member", [*people(1), ANA], [*people(2501), *[]], exact=True)
    assert sync.carry_out(plan, roster, progress.append) == []
    assert roster.calls == [("add", 1000), ("add", 1000), ("add", 500), ("remove", 1)]
    assert progress == [1000, 2000, 2500, 2501] and plan.size == 2501


def test_one_failure_does_not_stop_the_others():
    roster = Recorder("p0001@example.com")
    plan = make_plan(LIST, "member", [ANA], people(3), exact=True)
    failures = sync.carry_out(plan, roster)
    assert failures == [Failure("p0001@example.com", "refused")] and roster.calls[-1] == ("remove", 1)
    assert (
        sync.table([*failures, Failure("a@b.org", "banned")])
        == "  p0001@example.com  refused\n  a@b.org            banned"
    )


def test_an_owner_stays_when_no_new_one_could_be_added():
    roster = Recorder(CEM.address)
    plan = make_plan(LIST, "owner", [ANA, BEN], [CEM], exact=True)
    failures = sync.carry_out(plan, roster)
    assert failures == [Failure(CEM.address, "refused"), Failure(ANA.address, "stays, as the last owner")]
    assert roster.calls == [("add", 1), ("remove", 1)]
    roster = Recorder()
    assert sync.carry_out(plan, roster) == [] and roster.calls == [("add", 1), ("remove", 2)]
