# ruff: noqa: S608 -- no value comes from outside
"""The tables that hold a mailing list, as Mailman 3.3 and HyperKitty 1.3 have them, and the rows that belong to it.

What is left out would send mail, or is newer on the site than in a backup: the posts that wait for the next digest, the
bounces to be counted, and who has got an automatic answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Table:
    """One table.

    rows: the condition for the rows that belong to the list; `{list_id}` and `{address}` are the list's.
    numbered: whether a row has an `id`.
    references: column → the table whose `id` it holds.
    late: the same for columns that are filled in when all rows exist, because two tables refer to each other.
    required: columns without which a row is left out: the account that it belongs to may be gone.
    match: for rows that other lists use too, the site's number of the row `b` of the backup; null if it has none.
    adds: whether rows without a match are added.
    removal: the statement that removes the list's rows from the site; "" if others use them.
    updates: whether a row that is there keeps its number, because programs hold it, and gets the backup's values.
    """

    name: str
    rows: str
    numbered: bool = True
    references: Mapping[str, str] = field(default_factory=dict)
    late: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    match: str = ""
    adds: bool = True
    removal: str = "DELETE FROM {table} WHERE {rows}"
    updates: bool = False


@dataclass(frozen=True)
class Part:
    """What of a list one database has, and what changes in one transaction.

    database: its name in the configuration; counts: what there is, for the plan, and to see that all has arrived.
    conversions: statements about the rows of the backup, before their numbers change.
    completions: statements when all rows are in the site's tables.
    """

    database: str
    tables: tuple[Table, ...]
    counts: Mapping[str, str]
    conversions: tuple[str, ...] = ()
    completions: tuple[str, ...] = ()


LIST = "SELECT id FROM mailinglist WHERE list_id = '{list_id}'"
OF_LIST = f"mailing_list_id IN ({LIST})"
MEMBERS = "FROM member WHERE list_id = '{list_id}'"
REQUESTS = f"FROM _request WHERE {OF_LIST}"
HELD = f"message_id IN (SELECT key {REQUESTS})"
PENDED = f"""(
    token IN (SELECT data_hash {REQUESTS})
    OR id IN (SELECT pended_id FROM pendedkeyvalue WHERE key = 'list_id' AND value = '"{{list_id}}"')
    OR id IN (
        SELECT kind.pended_id FROM pendedkeyvalue AS kind JOIN pendedkeyvalue AS request USING (pended_id)
        WHERE kind.key = 'type' AND kind.value = 'held message' AND request.key = 'id'
        AND request.value IN (SELECT id::text {REQUESTS})
    )
)"""
USERS = f"""(
    id IN (SELECT user_id {MEMBERS})
    OR id IN (SELECT user_id FROM address WHERE id IN (SELECT address_id {MEMBERS}))
)"""
ADDRESSES = f"""(
    id IN (SELECT address_id {MEMBERS})
    OR id IN (SELECT _preferred_address_id FROM "user" WHERE {USERS})
)"""

CORE = Part(
    "core",
    (
        Table(
            "mailinglist",
            "list_id = '{list_id}'",
            match="SELECT id FROM mailinglist WHERE list_id = b.list_id",
            removal="",
            updates=True,
        ),
        Table("acceptablealias", OF_LIST, references={"mailing_list_id": "mailinglist"}),
        Table("listarchiver", OF_LIST, references={"mailing_list_id": "mailinglist"}),
        Table("headermatch", OF_LIST, references={"mailing_list_id": "mailinglist"}),
        Table("contentfilter", OF_LIST, references={"mailing_list_id": "mailinglist"}),
        Table("ban", "list_id = '{list_id}'"),
        Table("template", "context = '{list_id}'"),
        Table(
            "preferences",
            f"""(
            id IN (SELECT preferences_id {MEMBERS})
            OR id IN (SELECT preferences_id FROM address WHERE {ADDRESSES})
            OR id IN (SELECT preferences_id FROM "user" WHERE {USERS})
        )""",
            removal="",
        ),
        Table(
            "user",
            USERS,
            references={"preferences_id": "preferences"},
            late={"_preferred_address_id": "address"},
            match="""coalesce(
            (SELECT min(id) FROM "user" WHERE _user_id = b._user_id),
            (SELECT min(address.user_id) FROM address JOIN backup_address AS a USING (email) WHERE a.user_id = b.id)
        )""",
            removal="",
        ),
        Table(
            "address",
            ADDRESSES,
            references={"user_id": "user", "preferences_id": "preferences"},
            match="SELECT id FROM address WHERE email = b.email",
            removal="",
        ),
        Table(
            "member",
            "list_id = '{list_id}'",
            references={"address_id": "address", "user_id": "user", "preferences_id": "preferences"},
            removal="""WITH gone AS (DELETE FROM {table} WHERE {rows} RETURNING preferences_id)
            DELETE FROM preferences WHERE id IN (SELECT preferences_id FROM gone)""",
        ),
        Table("message", HELD, match="SELECT min(id) FROM message WHERE message_id = b.message_id", removal=""),
        Table("_request", OF_LIST, references={"mailing_list_id": "mailinglist"}),
        Table(
            "pended", PENDED, removal="DELETE FROM {table} WHERE {rows} OR token IN (SELECT token FROM backup_pended)"
        ),
        Table("workflowstate", f"token IN (SELECT token FROM pended WHERE {PENDED})", numbered=False),
        Table(
            "pendedkeyvalue",
            f"pended_id IN (SELECT id FROM pended WHERE {PENDED})",
            references={"pended_id": "pended"},
            removal="""DELETE FROM {table} WHERE {rows}
            OR pended_id IN (SELECT id FROM pended WHERE token IN (SELECT token FROM backup_pended))""",
        ),
    ),
    counts={
        "lists": "SELECT count(*) FROM mailinglist WHERE list_id = '{list_id}'",
        "members": f"SELECT count(*) {MEMBERS} AND role = 1",
        "owners and moderators": f"SELECT count(*) {MEMBERS} AND role IN (2, 3)",
        "held messages": f"SELECT count(*) {REQUESTS} AND request_type = 1",
        "bans": "SELECT count(*) FROM ban WHERE list_id = '{list_id}'",
    },
    conversions=(
        # The others are of people who are known to the site.
        """DELETE FROM backup_preferences WHERE id NOT IN (
            SELECT preferences_id FROM backup_member WHERE preferences_id IS NOT NULL
            UNION SELECT preferences_id FROM backup_user WHERE preferences_id IS NOT NULL
            UNION SELECT preferences_id FROM backup_address WHERE preferences_id IS NOT NULL
        )""",
        # What a moderator's or an author's link leads to.
        """UPDATE backup_pendedkeyvalue AS request SET value = ids.new::text
            FROM ids__request AS ids, backup_pendedkeyvalue AS kind
            WHERE request.key = 'id' AND request.value = ids.old::text
            AND kind.pended_id = request.pended_id AND kind.key = 'type' AND kind.value = 'held message'""",
    ),
    completions=(
        # Mailman keeps these to give no number twice.
        """INSERT INTO uid (uid)
            SELECT _member_id FROM backup_member UNION SELECT _user_id FROM backup_user EXCEPT SELECT uid FROM uid""",
        # Who has no preferred address any more is a member with the address that there is.
        """UPDATE member SET user_id = NULL, address_id = (SELECT min(id) FROM address WHERE user_id = member.user_id)
            WHERE list_id = '{list_id}' AND user_id IN (SELECT id FROM "user" WHERE _preferred_address_id IS NULL)""",
    ),
)
"""Settings, people, and what waits for a decision."""

HYPERKITTY_LIST = "SELECT id FROM hyperkitty_mailinglist WHERE list_id = '{list_id}' OR name = '{address}'"
OF_ARCHIVE = f"mailinglist_id IN ({HYPERKITTY_LIST})"
OF_THREAD = f"thread_id IN (SELECT id FROM hyperkitty_thread WHERE {OF_ARCHIVE})"
OF_EMAIL = f"email_id IN (SELECT id FROM hyperkitty_email WHERE {OF_ARCHIVE})"
OF_TEMPLATES = "context = 'list' AND identifier IN ('{list_id}', '{address}')"
BY_ACCOUNT = {"user_id": "auth_user"}


ARCHIVE = Part(
    "web",
    (
        Table(
            "auth_user", "true", match="SELECT id FROM auth_user WHERE username = b.username", adds=False, removal=""
        ),
        Table(
            "hyperkitty_sender",
            f"address IN (SELECT sender_id FROM hyperkitty_email WHERE {OF_ARCHIVE})",
            numbered=False,
            removal="",
        ),
        Table("hyperkitty_mailinglist", f"id IN ({HYPERKITTY_LIST})"),
        *(
            Table(
                f"hyperkitty_mailinglist_{role}",
                OF_ARCHIVE,
                references={"mailinglist_id": "hyperkitty_mailinglist", **BY_ACCOUNT},
                required=("user_id",),
            )
            for role in ("owners", "moderators")
        ),
        Table(
            "hyperkitty_threadcategory",
            f"id IN (SELECT category_id FROM hyperkitty_thread WHERE {OF_ARCHIVE})",
            match="SELECT id FROM hyperkitty_threadcategory WHERE name = b.name",
            removal="",
        ),
        Table(
            "hyperkitty_thread",
            OF_ARCHIVE,
            references={
                "mailinglist_id": "hyperkitty_mailinglist",
                "category_id": "hyperkitty_threadcategory",
                "starting_email_id": "hyperkitty_email",
            },
        ),
        Table(
            "hyperkitty_email",
            OF_ARCHIVE,
            references={
                "mailinglist_id": "hyperkitty_mailinglist",
                "thread_id": "hyperkitty_thread",
                "parent_id": "hyperkitty_email",
            },
        ),
        Table("hyperkitty_attachment", OF_EMAIL, references={"email_id": "hyperkitty_email"}),
        Table(
            "hyperkitty_vote",
            OF_EMAIL,
            references={"email_id": "hyperkitty_email", **BY_ACCOUNT},
            required=("user_id",),
        ),
        *(
            Table(
                f"hyperkitty_{what}",
                OF_THREAD,
                references={"thread_id": "hyperkitty_thread", **BY_ACCOUNT},
                required=("user_id",),
            )
            for what in ("favorite", "lastview")
        ),
        Table(
            "hyperkitty_tag",
            f"id IN (SELECT tag_id FROM hyperkitty_tagging WHERE {OF_THREAD})",
            match="SELECT id FROM hyperkitty_tag WHERE name = b.name",
            removal="",
        ),
        Table(
            "hyperkitty_tagging",
            OF_THREAD,
            references={"thread_id": "hyperkitty_thread", "tag_id": "hyperkitty_tag", **BY_ACCOUNT},
            required=("user_id",),
        ),
    ),
    counts={
        "posts": f"SELECT count(*) FROM hyperkitty_email WHERE {OF_ARCHIVE}",
        "attachments": f"SELECT count(*) FROM hyperkitty_attachment WHERE {OF_EMAIL}",
    },
)

TEMPLATES = Part(
    "web",
    (Table("postorius_emailtemplate", OF_TEMPLATES),),
    counts={"templates": f"SELECT count(*) FROM postorius_emailtemplate WHERE {OF_TEMPLATES}"},
)
"""The texts that the list's owners wrote."""
