"""Every reply text of the table has one reason, here and in Postfix's table that the role makes of it."""

import random
import re
from pathlib import Path

import pytest

from listkit.budget.replies import ADVICE, PAUSES, RETRIES, RefusalReason, classify, most_severe, prevailing, rules

TEMPLATE = Path(__file__).parents[3] / "roles/relay/templates/etc/postfix/delivery_status.j2"
EXAMPLES = [(rule.reason, example) for rule in rules() for example in rule.examples]
NOT_OURS = (
    "host mail.infomaniak.com[192.0.2.1] said: 553 5.7.1 <big@example.org>: From header rejected: not owned by user x"
)


@pytest.mark.parametrize(("reason", "text"), EXAMPLES)
def test_each_example_has_exactly_one_reason_whatever_the_order_of_the_table(reason, text):
    assert {rule.reason for rule in prevailing(text, rules())} == {reason}
    assert classify(text) is reason
    chance = random.Random(text)  # noqa: S311 -- an order, no secret
    for _ in range(20):
        shuffled = chance.sample(rules(), len(rules()))
        assert {rule.reason for rule in prevailing(text, shuffled)} == {reason}


@pytest.mark.parametrize("command", ["RCPT TO", "end of DATA", "MAIL FROM"])
def test_a_from_that_is_not_ours_is_about_the_sender_whenever_it_is_refused(command):
    text = f"{NOT_OURS} (in reply to {command} command)"
    assert classify(text) is RefusalReason.SENDER


def test_every_rule_has_a_name_of_its_own_examples_and_an_explanation():
    assert len({rule.name for rule in rules()}) == len(rules())
    assert all(rule.examples and rule.why for rule in rules())


def test_every_rule_is_needed():
    for rule in rules():
        assert any(rule in prevailing(example, rules()) for example in rule.examples), rule.name


def test_postfix_where_the_first_rule_wins_comes_to_the_same_result():
    above = []
    for rule in rules():
        assert set(rule.yields_to) <= {other.name for other in above}, f"{rule.name} yields to a rule below it"
        above.append(rule)
    for reason, text in EXAMPLES:
        assert next(rule for rule in rules() if rule.fits(text)).reason is reason


def test_a_rule_about_a_recipient_stands_below_all_that_do_not_yield_to_it():
    """So that a text that fits both, which nobody thought of, never bounces."""
    for place, rule in enumerate(rules()):
        if rule.reason is RefusalReason.RECIPIENT:
            for below in rules()[place + 1 :]:
                other_texts = below.code not in ("", rule.code)
                defers_first = below.reason is not rule.reason and not other_texts and not below.fallback
                assert not defers_first or rule.name in below.yields_to, f"{rule.name} stands above {below.name}"


def test_patterns_are_within_what_posix_knows():
    for rule in rules():
        assert not re.search(r"\(\?|\\[a-zA-Z]|[*+?}]\?|/", rule.pattern), rule.pattern


def test_words_and_codes_are_whole():
    said = "host mail.infomaniak.com[185.3.4.1] said: 550 5.7.1"
    assert classify(f"{said} Recipient disabled (in reply to RCPT TO command)") is RefusalReason.POLICY
    busy = "host mail.infomaniak.com[84.1.7.3] said: 451 4.3.0 Busy (in reply to DATA command)"
    assert classify(busy) is RefusalReason.LATER


def test_every_text_has_a_reason():
    assert classify("something that nobody has ever seen") is RefusalReason.DOWN


def test_an_ambiguous_text_has_the_most_severe_reason():
    text = "host x said: 554 5.6.1 message too large: virus, client banned (in reply to end of DATA command)"
    assert classify(text) is RefusalReason.BAN


def test_an_address_says_nothing():
    text = "host mail.infomaniak.com[192.0.2.1] said: 550 <quota-ban-spam@x.test>: No such user (in reply to RCPT TO)"
    assert classify(text) is RefusalReason.RECIPIENT


def postfix_table():
    """Postfix's table as the template makes it: (pattern, result) of each row."""
    text = TEMPLATE.read_text()
    shapes = {
        recipient: re.search(rf"{{% {keyword} .*?\n/(.*)/ (\S+)", text)
        for recipient, keyword in ((True, "if rule.reason == 'recipient'"), (False, "else"))
    }
    for rule in rules():
        shape = shapes[rule.reason is RefusalReason.RECIPIENT]
        yield shape[1].replace("{{ rule.pattern }}", rule.pattern), shape[2]


def postfix_filter(status):
    """What Postfix makes of a delivery status."""
    for pattern, result in postfix_table():
        if found := re.search(pattern, status, re.IGNORECASE):
            return result.replace("${1}", found[1])
    return status


def enhanced(text):
    """The delivery status that Postfix gives a reply."""
    found = re.search(r"(?:said|to me): (\d)\d\d(?:[ -](\d\.\d+\.\d+))?", text)
    return (found[2] or f"{found[1]}.0.0") if found else "4.4.1"


@pytest.mark.parametrize(("reason", "text"), EXAMPLES)
def test_postfix_bounces_refusals_of_a_recipient_and_no_others(reason, text):
    status = enhanced(text)
    if status.startswith("5"):
        assert postfix_filter(f"{status} {text}")[0] == ("5" if reason is RefusalReason.RECIPIENT else "4")
    else:
        assert postfix_filter(f"{status} {text}") == f"{status} {text}"


@pytest.mark.parametrize("address", ["user-unknown", "user.unknown", "no-mailbox-unavailable"])
def test_an_address_says_nothing_to_postfix(address):
    text = f"host x said: 554 5.7.1 <{address}@x.test>: Relay access denied (in reply to RCPT TO command)"
    assert classify(text) is RefusalReason.POLICY
    assert postfix_filter(f"{enhanced(text)} {text}").startswith("4")


def test_the_most_severe_of_many():
    replies = [text for reason, text in EXAMPLES if reason in (RefusalReason.RECIPIENT_LATER, RefusalReason.LATER)]
    ban = next(text for reason, text in EXAMPLES if reason is RefusalReason.BAN)
    assert most_severe([*replies, ban, *replies]) == (RefusalReason.BAN, ban)
    assert most_severe([]) is None


def test_every_reason_has_its_consequence():
    for reason in RefusalReason:
        assert (reason in PAUSES) is not (reason in RETRIES)
        assert ADVICE[reason]


def test_a_refusal_of_one_message_or_one_sender_pauses_no_account():
    assert not {RefusalReason.CONTENT, RefusalReason.SENDER} & set(PAUSES)
