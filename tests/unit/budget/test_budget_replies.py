"""Every reply text of the table has its meaning, here and in Postfix's table that the role makes of it."""

import re
from pathlib import Path

import pytest

from listkit.budget.replies import ADVICE, PAUSES, RETRIES, Backoff, Meaning, gravest, read, table

TEMPLATE = Path(__file__).parents[3] / "roles/relay/templates/etc/postfix/delivery_status.j2"
EXAMPLES = [(row.meaning, example) for row in table() for example in row.examples]


@pytest.mark.parametrize(("meaning", "text"), EXAMPLES)
def test_the_meaning_of(meaning, text):
    assert read(text) is meaning


def test_every_row_has_examples_and_a_reason():
    assert all(row.examples and row.why for row in table())


def test_every_row_is_needed():
    first_fits = {next(row for row in table() if row.fits(example)) for _, example in EXAMPLES}
    assert first_fits == set(table())


def test_patterns_are_within_what_posix_knows():
    for row in table():
        assert not re.search(r"\(\?|\\[a-zA-Z]|[*+?}]\?|/", row.pattern), row.pattern


def test_words_and_codes_are_whole():
    said = "host mail.infomaniak.com[185.3.4.1] said: 550 5.7.1"
    assert read(f"{said} Recipient disabled (in reply to RCPT TO command)") is Meaning.POLICY
    assert read("host mail.infomaniak.com[84.1.7.3] said: 451 4.3.0 Busy (in reply to DATA command)") is Meaning.LATER


def test_every_text_has_a_meaning():
    assert read("something that nobody has ever seen") is Meaning.DOWN


def test_an_address_says_nothing():
    text = "host mail.infomaniak.com[192.0.2.1] said: 550 <quota-ban-spam@x.test>: No such user (in reply to RCPT TO)"
    assert read(text) is Meaning.RECIPIENT


def postfix_table():
    """Postfix's table as the template makes it: (pattern, result) of each row."""
    text = TEMPLATE.read_text()
    shapes = {
        recipient: re.search(rf"{{% {keyword} .*?\n/(.*)/ (\S+)", text)
        for recipient, keyword in ((True, "if row.meaning == 'recipient'"), (False, "else"))
    }
    for row in table():
        shape = shapes[row.meaning is Meaning.RECIPIENT]
        yield shape[1].replace("{{ row.pattern }}", row.pattern), shape[2]


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


@pytest.mark.parametrize(("meaning", "text"), EXAMPLES)
def test_postfix_bounces_what_is_about_a_recipient_and_nothing_else(meaning, text):
    status = enhanced(text)
    if status.startswith("5"):
        assert postfix_filter(f"{status} {text}")[0] == ("5" if meaning is Meaning.RECIPIENT else "4")
    else:
        assert postfix_filter(f"{status} {text}") == f"{status} {text}"


@pytest.mark.parametrize("address", ["user-unknown", "user.unknown", "no-mailbox-unavailable"])
def test_an_address_says_nothing_to_postfix(address):
    text = f"host x said: 554 5.7.1 <{address}@x.test>: Relay access denied (in reply to RCPT TO command)"
    assert read(text) is Meaning.POLICY
    assert postfix_filter(f"{enhanced(text)} {text}").startswith("4")


def test_the_gravest_of_many():
    replies = [text for meaning, text in EXAMPLES if meaning in (Meaning.RECIPIENT_LATER, Meaning.LATER)]
    ban = next(text for meaning, text in EXAMPLES if meaning is Meaning.BAN)
    assert gravest([*replies, ban, *replies]) == (Meaning.BAN, ban)
    assert gravest([]) is None


def test_every_meaning_has_its_consequence():
    for meaning in Meaning:
        assert meaning in PAUSES or meaning in RETRIES
        assert ADVICE[meaning]


def test_pauses_grow_up_to_their_longest():
    backoff = Backoff(first=30, longest=900)
    assert [backoff.seconds(failures) for failures in (1, 2, 3, 6, 1000)] == [30, 60, 120, 900, 900]
