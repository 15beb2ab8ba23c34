"""A person is replaced in every form in which mail programs and web pages write addresses and names; others aren't."""

import email
from email.header import Header

import pytest

from listkit.person.identity import Person, is_distinctive, plain
from listkit.person.redaction import Redactor, needles, without_signature

ALIAS = "removed-1@removed.invalid"
ANA = Person(frozenset({"ana@example.org", "a.lopez@work.example"}), frozenset({"Ana López"}), ALIAS)


def redacted(text: str) -> str:
    return Redactor(ANA).text(text).replace(ALIAS, "[A]").replace("(name removed)", "[N]")


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("write to ana@example.org.", "write to [A]."),
        ("<ANA@Example.ORG>", "<[A]>"),
        ("mailto:a.lopez%40work.example?subject=x", "mailto:[A]?subject=x"),
        ("ana at example.org wrote", "[A] wrote"),
        ("ana(a)example.org, ana&#64;example.org", "[A], [A]"),
        ("dev-bounces+ana=example.org@lists.test", "dev-bounces+[A]@lists.test"),
        ("On Monday, Ana López wrote:", "On Monday, [N] wrote:"),
        ("López, Ana wrote", "[N] wrote"),
        ("> Ana\n> López said", "> [N] said"),
        ("Ana L&oacute;pez &lt;ana@example.org&gt;", "[N] &lt;[A]&gt;"),
        ("Ana&nbsp;L&#243;pez", "[N]"),
    ],
)
def test_every_form_is_replaced(text, result):
    assert redacted(text) == result
    assert Redactor(ANA).is_in(text)
    assert any(all(part.lower() in text.lower() for part in parts) for parts in needles(ANA))


@pytest.mark.parametrize(
    "text",
    [
        "joana@example.org",
        "mari.ana@example.org",
        "x+ana@example.org",
        "ana@example.org.uk",
        "ana@example.organisation",
        "Ana Lópezes, Johana López",
    ],
)
def test_other_people_are_left(text):
    assert redacted(text) == text
    assert not Redactor(ANA).is_in(text)


def test_octets_of_any_encoding_keep_their_length():
    for encoding in ("utf-8", "latin-1"):
        octets = "a line of Ana López <ana@example.org>\n".encode(encoding)
        filled = Redactor(ANA).octets(octets)
        assert len(filled) == len(octets) and b"example" not in filled and b"pez" not in filled
        assert filled.startswith(b"a line of xxx")
    # The name has no letter in common with this encoding, and must not become an empty pattern.
    assert Redactor(Person(frozenset({"li@example.org"}), frozenset({"李 明"}))).octets(b"a b") == b"a b"


def test_nothing_is_found_of_a_person_without_names():
    nobody = Redactor(Person(frozenset(), frozenset()))
    assert not nobody.is_in("anything") and nobody.octets(b"x y") == b"x y"


def test_a_database_is_asked_for_parts_that_every_form_contains():
    assert list(needles(ANA)) == [("a.lopez", "work.example"), ("ana", "example.org"), ("Ana", "L", "pez")]


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("Hello\n-- \nAna\nTel. 123\n", "Hello\n-- \n(signature removed)\n"),
        ("Hello\n-- \nAna\n> quoted\nmore\n", "Hello\n-- \n(signature removed)\n> quoted\nmore\n"),
        ("Hello\n--\nno signature\n", "Hello\n--\nno signature\n"),
    ],
)
def test_a_signature_ends_where_a_quotation_begins(text, result):
    assert without_signature(text) == result


def test_a_message_is_replaced_in_its_header_and_its_texts():
    message = email.message_from_string(
        f"From: {Header('Ana López', 'utf-8').encode()} <ana@example.org>\n"
        "Cc: ben@example.org, ana@example.org\nSubject: Plums\nMIME-Version: 1.0\n"
        "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"
        "SGVsbG8sIEFuYSBMw7NwZXogaGVyZS4K\n"
    )
    assert Redactor(ANA).message(message)
    text = message.as_string()
    assert "example.org" not in text.replace("ben@example.org", "") and ALIAS in message["Cc"]
    assert message.get_payload(decode=True).decode() == "Hello, (name removed) here.\n"
    assert message["Subject"] == "Plums" and not Redactor(ANA).message(message)


@pytest.mark.parametrize(
    ("name", "is_replaced"), [("Ana", False), ("Ana López", True), ("A López", False), ("ana@example.org x", False)]
)
def test_a_single_word_is_part_of_too_many_texts(name, is_replaced):
    assert is_distinctive(name) is is_replaced


def test_names_are_compared_without_quotes_and_line_breaks():
    assert plain("'Ana\n  López'") == "Ana López"
