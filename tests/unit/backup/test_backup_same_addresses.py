"""A backup with addresses that Debian 13 can't store is refused before anything is restored, or they are merged."""

from __future__ import annotations

from collections.abc import Iterator

from listkit.backup.same_addresses import in_dump

DUMP = r"""--
-- PostgreSQL database dump
--

CREATE TABLE public.account_emailaddress (
    id integer NOT NULL
);

COPY public.account_emailaddress (id, email, verified, "primary", user_id) FROM stdin;
1	Ana@example.org	t	t	7
2	ana@example.org	t	f	8
3	odd\\name@example.org	t	t	8
4	ben@example.org	f	t	9
\.


COPY public.auth_group (id, name) FROM stdin;
\.


COPY public.auth_user (id, password, last_login, username) FROM stdin;
7	pbkdf2	2026-03-01 12:00:00.5+00	ana
8	pbkdf2	2026-05-01 12:00:00+00	ana\\2
9	pbkdf2	\N	ben
\.

"""


def lines(text: str) -> Iterator[str]:
    """A dump, whose large tables must not be read."""
    yield from text.splitlines(keepends=True)
    raise AssertionError("read too far")


def test_the_account_that_was_used_last_keeps_the_address():
    [same] = in_dump(lines(DUMP))
    assert list(same.lines()) == [
        r"ana@example.org: confirmed for the account ana\2",
        "  Ana@example.org: no longer confirmed for the account ana",
    ]


def test_addresses_that_differ_in_more_are_none():
    assert in_dump(lines(DUMP.replace("Ana@", "anna@"))) == []


def test_a_dump_without_accounts_has_none():
    assert in_dump(["--\n", "-- PostgreSQL database dump complete\n"]) == []
