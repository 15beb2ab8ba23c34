"""What crawlers may ask for, by RFC 9309: the longest rule that fits counts; of two as long, the one that allows."""

import re
from pathlib import Path

import pytest
from jinja2 import Template

ROBOTS = Path(__file__).parents[3] / "roles/web/templates/usr/local/share/listkit/web/robots.txt.j2"
LIST = "/mailman3/hyperkitty/list/members@example.org"


def allowed(path: str) -> bool:
    """Whether a crawler may ask for `path`."""
    text = Template(ROBOTS.read_text()).render(ansible_managed="managed")
    rules = re.findall(r"^(Allow|Disallow): (\S+)$", text, re.MULTILINE)
    fitting = [(len(rule), word == "Allow") for word, rule in rules if fits(rule, path)]
    return max(fitting, default=(0, True))[1]


def fits(rule: str, path: str) -> bool:
    """Whether a rule speaks of `path`: `*` is anything, a `$` at its end the path's end."""
    pattern = ".*".join(re.escape(part) for part in rule.removesuffix("$").split("*"))
    return bool(re.match(pattern + ("$" if rule.endswith("$") else ""), path))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/mailman3/",
        "/mailman3/static/CACHE/css/output.0123456789ab.css",
        "/mailman3/postorius/lists/",
        "/mailman3/postorius/lists/?page=2",
        "/mailman3/postorius/lists/members.example.org/",
        "/mailman3/hyperkitty/",
        "/mailman3/hyperkitty/?page=2",
        f"{LIST}/",
        f"{LIST}/latest",
        f"{LIST}/latest?page=2",
        f"{LIST}/2024/5/",
        f"{LIST}/2024/5/?page=2",
        f"{LIST}/2024/5/31/",
        f"{LIST}/thread/ABC234/",
        f"{LIST}/thread/ABC234/replies?sort=thread&last_view=",
        f"{LIST}/thread/ABC234/replies?sort=thread&last_view=&offset=6",
        f"{LIST}/message/ABC234/",
    ],
)
def test_lists_threads_and_messages_are_for_crawlers(path):
    assert allowed(path)


@pytest.mark.parametrize(
    "path",
    [
        "/mailman3/accounts/login/?next=/mailman3/hyperkitty/",
        "/mailman3/accounts/signup/",
        "/mailman3/admin/",
        "/mailman3/user-profile/",
        "/mailman3/postorius/domains/",
        "/mailman3/postorius/lists/?all-lists",
        "/mailman3/postorius/lists/members.example.org/subscribe",
        "/mailman3/postorius/lists/members.example.org/anonymous_subscribe",
        "/mailman3/postorius/lists/members.example.org/unsubscribe/",
        "/mailman3/postorius/lists/members.example.org/members/member/",
        "/mailman3/postorius/lists/members.example.org/members/options/bo@example.com",
        "/mailman3/postorius/lists/members.example.org/held_messages",
        "/mailman3/hyperkitty/?sort=active",
        "/mailman3/hyperkitty/api/lists/",
        "/mailman3/hyperkitty/find-list?term=x",
        "/mailman3/hyperkitty/profile/",
        "/mailman3/hyperkitty/search?q=x",
        "/mailman3/hyperkitty/tags/",
        "/mailman3/hyperkitty/users/0123456789abcdef/",
        f"{LIST}/delete/",
        f"{LIST}/export/members.mbox.gz?start=2024-05-01&end=2024-06-01",
        f"{LIST}/feed/",
        f"{LIST}/message/new",
        f"{LIST}/message/ABC234/attachment/2/plum.jpg",
        f"{LIST}/message/ABC234/delete",
        f"{LIST}/message/ABC234/reply",
        f"{LIST}/message/ABC234/vote",
        f"{LIST}/recent-activity",
        f"{LIST}/thread/ABC234/?sort=date",
        f"{LIST}/thread/ABC234/?noscript",
        f"{LIST}/thread/ABC234/delete",
        f"{LIST}/thread/ABC234/reattach",
        f"{LIST}/thread/ABC234/tags",
    ],
)
def test_what_costs_much_or_changes_something_is_not(path):
    assert not allowed(path)
