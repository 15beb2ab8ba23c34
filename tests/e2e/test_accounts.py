"""A site with two mail accounts: each list's mail comes and goes through its own."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from deployment import ADMIN_PASSWORD, LISTS, MAIL_PASSWORD, Deployment, secrets_on
from e2e import playbook
from e2e.mailing import MailingList, person
from e2e.outbound import Outbound
from e2e.processes import watched
from infomaniak.service import SUFFIXES, Mailbox

pytestmark = [pytest.mark.lab, pytest.mark.one_release, pytest.mark.same_site]
HOUR = 3600


class TwoAccounts:
    """A deployed host, with `members` and `board` at its usual account, `press` at a second one, and
    `news`, which is placed nowhere and needs more than the first one has left.
    """

    def __init__(self, deployment: Deployment, release: str, directory: Path) -> None:
        self.deployment = deployment
        self.release = release
        self.site = deployment.sites[release]
        self.first = self.site.mailbox
        self.second = Mailbox(f"lists2@{self.site.domain}", "device-password-2")
        self._variables = directory / "variables.json"

    def deploy(self, *words: str, **variables: object) -> str:
        """Run the playbook with these variables beside the inventory's; return what it said."""
        self._variables.write_text(json.dumps(variables))
        return playbook.deploy(self.deployment, self.release, "-D", "-e", f"@{self._variables}", *words)

    def divide(self) -> str:
        """Deploy the second account."""
        members, board = LISTS
        accounts = [
            {"address": self.first.login, "password": MAIL_PASSWORD, "lists": ["members", "board"]},
            {"address": self.second.login, "password": self.second.password, "lists": ["press"]},
        ]
        lists = [
            {**members, "expected_members": 500, "posts_per_day": 1},
            board,
            {"name": "press", "expected_members": 50, "posts_per_day": 2},
            {"name": "news", "expected_members": 900, "posts_per_day": 1},
        ]
        self.deployment.stand_in.add_mailbox(self.second.login, self.second.password)
        aliases = [f"{name}{suffix}" for name in ("press", "news") for suffix in SUFFIXES]
        self.deployment.stand_in.add_aliases(self.second, *aliases)
        return self.deploy(mail_accounts=accounts, mailman_lists=lists)

    def unite(self) -> None:
        """Deploy the host as it was."""
        gone = [{"name": name, "state": "absent", "force": True} for name in ("press", "news")]
        self.deploy("--tags", "relay,bridge,lists", mailman_lists=[*LISTS, *gone])
        aliases = [f"{name}{suffix}" for name in ("press", "news") for suffix in SUFFIXES]
        self.deployment.stand_in.remove_aliases(self.second, *aliases)

    def outbound(self, name: str) -> Outbound:
        """The way out of one of its lists, which has a new member."""
        mailing_list = MailingList(self.deployment, self.site, name)
        reader = person(name)
        mailing_list.add(reader, send_welcome_message=False)
        return Outbound(mailing_list, (reader,))


@pytest.fixture(scope="module")
def two_accounts(deployment: Deployment, release: str, tmp_path_factory: pytest.TempPathFactory):
    """The host with two accounts; afterwards it is as it was."""
    site = TwoAccounts(deployment, release, tmp_path_factory.mktemp("accounts"))
    with ExitStack() as watches:
        watching = [
            watches.enter_context(watched(host, [site.second.password, *secrets_on(host)])) for host in site.site.hosts
        ]
        site.said = site.divide()
        site.shown = [line for seen in watching for line in seen()]
    deployment.stand_in.reset()
    yield site
    deployment.stand_in.reset()
    site.unite()


def test_the_run_ends_with_the_plan_and_the_forecast(two_accounts: TwoAccounts):
    domain = two_accounts.site.domain
    table = two_accounts.said.partition("recipients per day")[2]
    wanted = [
        [two_accounts.first.login, "500"],
        [f"board@{domain}", "0"],
        [f"members@{domain}", "500"],
        [two_accounts.second.login, "1000"],
        [f"news@{domain}", "900"],
        [f"press@{domain}", "100"],
    ]
    # Lists that other tests have had may stand in between.
    assert [row for row in (line.split()[:2] for line in table.splitlines()) if row in wanted] == wanted
    aliases = two_accounts.said.partition(f"{two_accounts.second.login} needs 18 aliases")[2]
    assert "news-bounces" in aliases


def test_the_run_shows_what_changed_and_no_password(two_accounts: TwoAccounts):
    assert "/etc/postfix/sasl_passwd" in two_accounts.said
    for password in (MAIL_PASSWORD, two_accounts.second.password, ADMIN_PASSWORD):
        assert password not in two_accounts.said


def test_no_password_is_in_a_process_list_at_any_moment_of_the_run(two_accounts: TwoAccounts):
    assert two_accounts.shown == []


@pytest.mark.parametrize(("name", "number"), [("members", 0), ("press", 1), ("news", 1)])
def test_a_lists_mail_leaves_through_its_account(two_accounts: TwoAccounts, name: str, number: int):
    account = (two_accounts.first, two_accounts.second)[number]
    outbound = two_accounts.outbound(name)
    before = outbound.status(account.login)["used"]
    outbound.post(f"About {outbound.readers[0]}")
    copy = outbound.list.arrives(outbound.readers[0], outbound.readers[0])
    assert copy["Return-Path"] == f"<{outbound.list.sub('bounces')}>"
    assert f"<{outbound.list.address}>" in copy["From"]
    logins = {event["login"] for event in outbound.service.events() if outbound.readers[0] in event["detail"]}
    assert logins == {account.login}
    # The numbers are renewed once in a second at most.
    outbound.service.wait(lambda: outbound.status(account.login)["used"] > before, "a recipient counted as used")


def test_one_account_is_banned_and_the_other_flows(two_accounts: TwoAccounts):
    members, news = two_accounts.outbound("members"), two_accounts.outbound("news")
    stand_in = two_accounts.deployment.stand_in
    stand_in.set("smtpban_login", two_accounts.second.login)
    stand_in.set("smtpban", "on")
    about = f"About {news.readers[0]}"
    news.post(about)
    stand_in.wait(lambda: news.status(two_accounts.second.login)["pause"], "a pause of the second account")
    members.post(f"About {members.readers[0]}")
    members.list.arrives(members.readers[0], members.readers[0])
    assert members.status(two_accounts.first.login)["pause"] is None
    assert news.status(two_accounts.second.login)["pause"]["reason"] == "ban"
    assert news.copies() == news.all_have()
    stand_in.set("smtpban", "off")
    news.age(HOUR)
    news.wait_until_empty()
    assert news.copies() == news.all_have(about)


def test_a_reply_to_the_second_account_reaches_mailman(two_accounts: TwoAccounts):
    news = MailingList(two_accounts.deployment, two_accounts.site, "news")
    reader = person("newcomer")
    news.command(reader, "join")
    news.answer(reader, news.arrives(reader, "confirm"))
    two_accounts.deployment.stand_in.wait(lambda: reader in news.members(), "the subscription")
