"""Members in CSV files, and those of Google Groups."""

from __future__ import annotations

import pytest
from ansible_collections.listkit.kit.plugins.plugin_utils.importing import tables
from ansible_collections.listkit.kit.plugins.plugin_utils.importing.description import CannotImport
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.entries import Entry

GROUP = """\
Members for group news
Email address,Nickname,Group status,Email status,Email preference,Posting permissions,Join year
ana@example.org,Ana,owner,,email,allowed,2015
Ben@example.org,,manager,,no email,allowed,2015
cy@example.org,Cy,member,bouncing,digest,moderated,2016
di@example.org,,invited,,email,allowed,2016
"""
DIRECTORY = """\
Group Email [Required],Member Email,Member Name,Member Role,Member Type
news@example.org,ana@example.org,Ana,OWNER,USER
news@example.org,team@example.org,,MEMBER,GROUP
"""


@pytest.fixture
def file(tmp_path):
    """Write a file, and return its path."""

    def file(text, name="news.csv"):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path / name

    return file


def test_a_group(file):
    (found,) = tables.read_google(file(GROUP))
    assert found.name == "news"
    assert found.keys == {"owners": ["ana@example.org"], "moderators": ["ben@example.org"]}
    assert found.members == [
        Entry("ana@example.org", "Ana"),
        Entry("Ben@example.org", None, None, "by_user"),
        Entry("cy@example.org", "Cy", "mime_digests", "by_bounces"),
    ]
    told = dict(found.left_out)
    assert told["di@example.org"] == "is not a member: the group status is 'invited'"
    assert "'moderated'" in told["cy@example.org"] and "settings" in told and "owners" not in told


def test_a_group_from_the_admin_console(file):
    (found,) = tables.read_google(file(DIRECTORY))
    assert found.keys == {"owners": ["ana@example.org"]}
    assert [entry.address for entry in found.members] == ["ana@example.org", "team@example.org"]
    assert "is a group" in dict(found.left_out)["team@example.org"]


def test_a_group_without_an_owner_says_so(file):
    (found,) = tables.read_google(file(GROUP.replace(",owner,", ",member,")))
    assert "owners" in dict(found.left_out)


def test_a_table_with_the_posts_beside_it(file, tmp_path):
    posts = file("", "team@old.example.net.mbox")
    file("email;name\nana@example.org;Ana\nnobody;\n", "team@old.example.net.csv")
    (found,) = tables.read(tmp_path)
    assert (found.name, found.archives) == ("team", [posts])
    assert found.members == [Entry("ana@example.org", "Ana")]
    assert [what for what, _reason in found.left_out] == ["settings", "member, line 3", "owners"]


@pytest.mark.parametrize(
    ("read", "text", "reason"),
    [
        (tables.read, "mobile\n1\n", "the column 'mobile' is unknown"),
        (tables.read, b"address\n\xe9@example.org\n", "is not UTF-8"),
        (tables.read_google, "address\nana@example.org\n", "has no columns 'Email address' and 'Group status'"),
        (tables.read_google, "", "has no columns"),
    ],
)
def test_a_file_of_another_kind_is_refused_by_its_name(file, read, text, reason):
    path = file(text)
    with pytest.raises(CannotImport, match=reason) as caught:
        list(read(path))
    assert str(path) in str(caught.value)


def test_a_directory_without_files(tmp_path):
    with pytest.raises(CannotImport, match=r"has no \.csv file"):
        list(tables.read(tmp_path))
