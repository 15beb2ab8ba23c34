"""One backup has all of a site with several hosts, and brings it back to them."""

from __future__ import annotations

import pytest

from deployment import Deployment
from e2e import playbook
from e2e.mailing import MailingList, person
from e2e.website import WebSite, archived, posts_in_archive

pytestmark = [pytest.mark.lab, pytest.mark.split]


def test_a_site_with_several_hosts_comes_back_from_one_backup(
    deployment: Deployment, release: str, mailing_list: MailingList
):
    site = mailing_list.site
    if not site.split:
        pytest.skip("test_backup.py has the sites of one host")
    website, author = WebSite.of(site), person("author")
    mailing_list.configure(archive_policy="public", description="As it was")
    mailing_list.add(author)
    mailing_list.post(author, "Before")
    mailing_list.arrives(author, "Before")
    archived(website.browser(), mailing_list.address, "Before")
    mailing_list.settle()
    site.host.run("systemctl start listkit-backup && listkit backup verify --all")
    site.host.run("systemctl is-enabled listkit-backup-drill.timer && systemctl start listkit-backup-drill")
    assert "listkit_scratch" not in site.database.run("cd / && runuser -u postgres -- psql -At --list")
    mailing_list.configure(description="As it is now")
    mailing_list.post(author, "Since")
    mailing_list.arrives(author, "Since")
    archived(website.browser(), mailing_list.address, "Since")
    mailing_list.settle()

    done = playbook.run(deployment, release, "playbooks/restore.yml", backup_restore_replace=True)
    assert done.returncode == 0, done.stdout[-6000:]

    assert mailing_list.rest("GET", f"lists/{mailing_list.address}/config")["description"] == "As it was"
    assert mailing_list.members() == [author]
    assert posts_in_archive(website, mailing_list.address) == 1
    # The hosts still know one another's secrets.
    mailing_list.post(author, "Afterwards")
    mailing_list.arrives(author, "Afterwards")
    archived(website.browser(), mailing_list.address, "Afterwards")
    mailing_list.settle()
    for subject in ("Before", "Since", "Afterwards"):
        assert mailing_list.copies([author], subject) == {author: 1}
