"""What strangers send costs the strangers, and not the members: the quota is the service.

Attacks on a list of a host with the provider's ordinary limit. Each ends with the same questions: what was spent, what
did a victim get, and did a member's post arrive meanwhile?
"""

from __future__ import annotations

import itertools
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from deployment import SITE_OWNER, Deployment, Site
from e2e.attack import Forged, send, subscribe_on_the_web
from e2e.mailing import MAILMAN_IDLE, MailingList, person, subject
from e2e.outbound import ANSWERS, Outbound
from e2e.website import WebSite
from infomaniak import compose

pytestmark = [pytest.mark.lab, pytest.mark.one_release]
LIMIT, RESERVE, DAY = 1440, 100, 86_400
LEFT_FOR_MEMBERS = 1300
MAILS_PER_VICTIM = 2
MEMBERS = 5
MINUTE_SECONDS = 60
HOUR_SECONDS = 3600
ON_THE_WEB = 5
"""Every fifth forged subscription is one in the web interface."""
WAVES, JOINED, SPAMMED = 50, 200, 10
"""The campaign: a member posts after each wave of forged subscriptions, and of spams to a list and its owners each."""


@pytest.fixture
def attacked(deployment: Deployment, release: str) -> Iterator[Outbound]:
    """A list with five members and an owner, on an account of 1440 recipients of which none is used."""
    with new_list(deployment, deployment.sites[release]) as made:
        made.configure(send_welcome_message=False, respond_to_post_requests=False)
        readers = tuple(f"{made.name}-{number}@strict.test" for number in range(MEMBERS))
        made.add(*readers)
        made.add_owner(f"{made.name}-owner@strict.test")
        outbound = Outbound(made, readers)
        outbound.begin(LIMIT, RESERVE, DAY)
        try:
            yield outbound
        finally:
            outbound.end()


@contextmanager
def new_list(deployment: Deployment, site: Site) -> Iterator[MailingList]:
    """A list that exists for the duration of the block."""
    made = MailingList(deployment, site, f"a{secrets.token_hex(3)}")
    made.create()
    try:
        yield made
    finally:
        made.delete()


def spent(outbound: Outbound) -> int:
    """The recipients that the mail service counted."""
    login = outbound.list.site.mailbox.login
    events = outbound.service.events()
    return sum(event["recipients"] for event in events if event["login"] == login and event["kind"] == "accepted")


def spellings(victim: str) -> list[str]:
    """Addresses that lead to one mailbox."""
    local, _, domain = victim.partition("@")
    return [victim, victim.upper(), f"{local}+{secrets.token_hex(2)}@{domain}", f"{local.title()}+x@{domain}"]


def received(outbound: Outbound) -> Counter[str]:
    """The messages that each address has received, however it was spelt."""
    found: Counter[str] = Counter()
    for address, count in outbound.service.counts().items():
        local, _, domain = address.lower().rpartition("@")
        found[f"{local.partition('+')[0]}@{domain}"] += count
    return found


def joins(asked: Iterable[tuple[MailingList, str]]) -> list[Forged]:
    """Each victim asks to subscribe to a list, by one of the ways there are."""
    ways = itertools.cycle([("join", "x"), ("subscribe", "x"), ("request", "join"), ("request", "subscribe")])
    return [
        Forged(victim, attacked.sub(suffix), words)
        for (attacked, victim), (suffix, words) in zip(asked, ways, strict=False)
    ]


def everything_else(attacked: MailingList, victim: str, number: int) -> list[Forged]:
    """Each other kind of mail that Mailman may answer, `number` times, in the victim's name."""
    others = "".join(f"join address={attacked.name}-other{line}@strict.test\n" for line in range(10))
    return [
        mail
        for turn in range(number)
        for mail in (
            Forged(victim, attacked.sub("request"), "help"),
            Forged(victim, attacked.sub("request"), "who"),
            Forged(victim, attacked.sub("request"), "lists"),
            Forged(victim, attacked.sub("request"), f"confirm {secrets.token_hex(20)}"),
            Forged(victim, attacked.sub(f"confirm+{secrets.token_hex(20)}"), "x"),
            Forged(victim, attacked.sub("leave"), "x"),
            Forged(victim, attacked.sub("bounces"), f"junk {turn}"),
            Forged(victim, attacked.sub("request"), "", others),
        )
    ]


def spams(attacked: MailingList, number: int) -> list[Forged]:
    """Posts of strangers, and mail to the owners, with a mark that is only ours to write."""
    mark = {"X-Listkit-Answer": "member"}
    return [
        Forged(f"{attacked.name}-spammer{turn}@strict.test", address, f"Buy {turn}", headers=mark)
        for turn in range(number)
        for address in (attacked.address, attacked.sub("owner"))
    ]


def post_arrives(outbound: Outbound, seconds: float) -> float:
    """Post as a member; return the seconds until a member has it."""
    began, about = time.monotonic(), subject()
    outbound.list.post(outbound.readers[0], about)
    outbound.list.arrives(outbound.readers[1], about, seconds=seconds)
    return time.monotonic() - began


def check_bill(outbound: Outbound, posts: int, victims: list[str]) -> None:
    """The members have what is theirs, and no victim has more than two mails."""
    assert outbound.refusals() == []
    strangers = spent(outbound) - posts * MEMBERS
    print(f"strangers have spent {strangers} of {LIMIT} recipients")
    assert 0 < strangers <= LIMIT - LEFT_FOR_MEMBERS
    counts = received(outbound)
    assert {victim: counts[victim] for victim in victims if counts[victim] > MAILS_PER_VICTIM} == {}
    assert outbound.status()["left"] >= LEFT_FOR_MEMBERS - posts * MEMBERS


def pending(attacked: MailingList) -> set[str]:
    """The addresses whose subscription waits for a confirmation."""
    found = attacked.rest("GET", f"lists/{attacked.list_id}/requests?token_owner=subscriber").get("entries", [])
    return {request["email"] for request in found}


def wave(outbound: Outbound, website: WebSite, lists: list[MailingList], victims: list[str], spammed: int) -> None:
    """Forge a subscription of each victim, to one list after the other, and send spam to the first."""
    asked = list(zip(itertools.cycle(lists), victims, strict=False))
    by_mail = [ask for number, ask in enumerate(asked) if number % ON_THE_WEB]
    send(outbound.list.deployment, [*joins(by_mail), *spams(outbound.list, spammed)])
    subscribe_on_the_web(website, asked[::ON_THE_WEB])


def from_all_sides(attacked: MailingList, victim: str, noisy: str, known: str) -> list[Forged]:
    """One victim however it is spelt, and every kind of mail in the name of a stranger and of a member."""
    forged = joins((attacked, spelling) for spelling in spellings(victim) * 3)
    return forged + everything_else(attacked, noisy, 2) + everything_else(attacked, known, 2)


def test_strangers_cannot_spend_the_quota(attacked: Outbound, website: WebSite):
    joined, spammed, seconds = 40, 10, 600
    victim, noisy, known = person("victim"), person("noisy"), attacked.readers[2]
    victims = [f"{attacked.list.name}-v{number}@strict.test" for number in range(joined)]
    send(attacked.list.deployment, from_all_sides(attacked.list, victim, noisy, known))
    wave(attacked, website, [attacked.list], [*victims, victim], spammed)
    print(f"a post took {post_arrives(attacked, seconds):.0f} s")
    attacked.host.wait_until(MAILMAN_IDLE, "Mailman to have handled the flood", seconds)
    attacked.list.settle()
    assert pending(attacked.list) >= set(victims), "by mail and on the web"
    check_bill(attacked, posts=1, victims=[victim, noisy, *victims])
    # The member has the post, and what was answered in their name.
    assert received(attacked)[known] <= 1 + MAILS_PER_VICTIM
    post_arrives(attacked, MINUTE_SECONDS)
    assert len(attacked.list.held()) == spammed
    assert attacked.status()["strangers_used"] == ANSWERS["per_list_and_hour"], "for mail and the web together"
    assert "dropped; more than 10 of a list in an hour" in attacked.host.run("listkit budget")


def test_a_mark_of_ours_that_comes_from_outside_means_nothing(attacked: Outbound):
    mailing_list, reader = attacked.list, attacked.readers[0]
    about = subject()
    message = compose(reader, mailing_list.address, about, X_Listkit_Answer="stranger")
    attacked.service.post(reader, mailing_list.address, message)
    copy = mailing_list.arrives(attacked.readers[1], about)
    assert copy["X-Listkit-Answer"] == ""
    assert attacked.status()["strangers_used"] == 0


def test_a_stranger_can_still_subscribe(attacked: Outbound):
    newcomer = person("newcomer")
    attacked.list.command(newcomer, "join")
    request = attacked.list.arrives(newcomer, "confirm")
    assert request["X-Listkit-Answer"] == ""
    # The figures are published once a second at most.
    attacked.service.wait(lambda: attacked.status()["strangers_used"] == 1, "the answer to be counted")
    attacked.list.answer(newcomer, request)
    attacked.service.wait(lambda: newcomer in attacked.list.members(), "the subscription")
    attacked.list.settle()
    assert attacked.status()["strangers_used"] == 1, "the answer to a confirmation is a member's"


def test_what_the_provider_marked_is_held_with_the_reason(attacked: Outbound):
    mailing_list, member = attacked.list, attacked.readers[0]
    for verdict, header, forged, words in (
        ("spam", "X-Infomaniak-Spam", "ham", "marked the message as spam"),
        ("dmarc_fail", "Authentication-Results", "mx.infomaniak.com; dmarc=pass", "DMARC fails"),
    ):
        attacked.service.set("verdict", verdict)
        # What the sender writes in the provider's name is of no use.
        message = compose(member, mailing_list.address, verdict)
        message[header] = forged
        attacked.service.post(member, mailing_list.address, message)
        [held] = attacked.service.wait(mailing_list.held, "the held post")
        assert words in held["reason"]
        assert f"{header}: {forged}" not in held["msg"]
        mailing_list.moderate(held, "accept")
        copy = mailing_list.arrives(attacked.readers[1], verdict)
        assert copy["X-Infomaniak-Spam"] == ""
        attacked.service.wait(lambda: not mailing_list.held(), "the decision")
    attacked.service.set("verdict", "dmarc_pass")
    mailing_list.post(member, "genuine")
    mailing_list.arrives(attacked.readers[1], "genuine")


def test_the_sites_owner_gets_one_summary(attacked: Outbound):
    before = len(attacked.service.received(SITE_OWNER))
    victims = [f"{attacked.list.name}-v{number}@strict.test" for number in range(15)]
    send(attacked.list.deployment, joins((attacked.list, victim) for victim in victims))
    attacked.service.wait(lambda: "dropped; more than" in attacked.host.run("listkit budget"), "a drop")
    attacked.list.settle()
    attacked.age(3600)
    attacked.service.wait(lambda: len(attacked.service.received(SITE_OWNER)) > before, "the summary", 60)
    [summary] = attacked.service.received(SITE_OWNER)[before:]
    assert "automatic messages were not sent" in summary["Subject"]
    assert attacked.list.address in summary.text


@pytest.mark.slow
def test_ten_thousand_forged_subscriptions_and_a_thousand_spams_in_an_hour(attacked: Outbound, website: WebSite):
    lists = [attacked.list]
    victims = [f"{attacked.list.name}-v{number}@strict.test" for number in range(WAVES * JOINED)]
    with ExitStack() as others:
        # Ten answers of each in an hour are more than the account's share.
        lists += [others.enter_context(new_list(attacked.list.deployment, attacked.list.site)) for _ in range(6)]
        # A list is deleted once Mailman is idle, which after a failure in the middle takes as long as the flood.
        others.callback(attacked.host.wait_until, MAILMAN_IDLE, "Mailman to have handled the flood", HOUR_SECONDS)
        began = time.monotonic()
        for number in range(WAVES):
            wave(attacked, website, lists, victims[number::WAVES], SPAMMED)
            took = post_arrives(attacked, MINUTE_SECONDS)
            print(f"{time.monotonic() - began:.0f} s: wave {number + 1}, a post took {took:.0f} s", flush=True)
        assert time.monotonic() - began < HOUR_SECONDS
        attacked.host.wait_until(MAILMAN_IDLE, "Mailman to have handled the flood", HOUR_SECONDS)
        attacked.list.settle()
        assert set().union(*map(pending, lists)) == set(victims)
        check_bill(attacked, posts=WAVES, victims=victims)
        assert attacked.status()["strangers_used"] == LIMIT * 4 // 100
        assert len(attacked.list.held()) == WAVES * SPAMMED
