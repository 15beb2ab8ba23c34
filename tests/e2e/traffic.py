"""Posts to a list of a site on which an operator works: what was there must survive, and mail must flow."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass

from deployment import Deployment, Site
from e2e.mailing import MailingList, person
from e2e.website import SEARCHABLE_WITHIN_SECONDS, WebSite, archived, posts_in_archive
from lab.commands import wait_for

# Postfix keeps what it can't deliver, and the budget's daemon isn't there to release what is on hold.
CLOG = "systemctl stop listkit-budget"


@dataclass(frozen=True)
class Traffic:
    """A list with posts that were delivered, one that is held, and one whose copies wait in Postfix's queue."""

    deployment: Deployment
    mailing_list: MailingList
    author: str
    reader: str

    @classmethod
    def begin(cls, deployment: Deployment) -> Traffic:
        """Make the list, and have people post to it."""
        mailing_list = MailingList(deployment, deployment.sites["host"], f"t{secrets.token_hex(3)}")
        traffic = cls(deployment, mailing_list, person("author"), person("reader"))
        mailing_list.create()
        mailing_list.configure(archive_policy="public")
        mailing_list.add(traffic.author, traffic.reader)
        traffic.flows("Before")
        mailing_list.post(person("stranger"), "Held")
        wait_for(mailing_list.held, "the stranger's post to be held", 120, every=1)
        mailing_list.settle()
        return traffic

    @property
    def site(self) -> Site:
        """Where the list is."""
        return self.mailing_list.site

    def flows(self, subject: str) -> None:
        """Post, and see that it is delivered and archived."""
        self.mailing_list.post(self.author, subject)
        self.arrives(subject)

    def arrives(self, subject: str) -> None:
        """See that a post is delivered and archived."""
        self.mailing_list.arrives(self.reader, subject)
        archived(WebSite.of(self.site).browser(), self.mailing_list.address, subject)

    def leave_one_waiting(self) -> None:
        """Post while nothing leaves the host."""
        self.site.host.run(CLOG)
        self.mailing_list.post(self.author, "Waiting")
        self.site.host.wait_until("find /var/spool/postfix/hold -type f | grep -q .", "a post on hold", 120)

    @property
    def archived_posts(self) -> int:
        """How many posts the archive has."""
        return posts_in_archive(WebSite.of(self.site), self.mailing_list.address)

    def is_complete(self, *subjects: str) -> None:
        """See that everything is there, and that the reader has one copy of each post."""
        assert set(self.mailing_list.members()) == {self.author, self.reader}
        assert [request["subject"] for request in self.mailing_list.held()] == ["Held"]
        browser = WebSite.of(self.site).browser()
        for subject in subjects:
            archived(browser, self.mailing_list.address, subject)
        self.mailing_list.settle()
        for subject in subjects:
            assert self.mailing_list.copies([self.reader], subject) == {self.reader: 1}

    def is_searchable(self) -> None:
        """Wait until the search finds all posts."""

        def complete() -> bool:
            found = json.loads(self.site.host.run("listkit archive status").splitlines()[-1])
            return found["posts"] > 0 and found.get("missing") == 0

        wait_for(complete, "the search index to be complete", SEARCHABLE_WITHIN_SECONDS, every=2)
