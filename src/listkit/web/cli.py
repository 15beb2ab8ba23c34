"""`listkit web`: what the role `web` and other commands do with the web interface's database and files.

`setup` creates the sites and the administrators in Django's database, and the pages that the web server shows by
itself. Passwords come on standard input, as a JSON object by login. The command returns at once when nothing that it
depends on has changed since the last time, and prints `{"changed": bool, "changes": [str],
"former_administrators": [str]}`: the last are accounts that aren't declared any more.

`sync` has the archive read every list's settings from Mailman's core, after they were changed by the REST API: who may
read an archive, for example. Without it, the archive does so within five minutes.

`password-link NAME` prints a link, which works once, to set a new password for the account of that name or address. It
also opens an account that is locked after wrong passwords.

`person-find` answers, as JSON, with what the archive and the accounts hold about the person who is described on
standard input (`listkit.person.identity`); `person-erase` deletes it.

`rename-list OLD NEW` gives the archive of a renamed list its new address, and redirects its pages; it prints how many
posts it has. `count-posts ADDRESS` prints only that.

Exit status: 0 done, 1 failed, 2 the configuration can't be read.

Functions import Django's part only when they need it: it takes most of a second to load.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path

from listkit.common import former_lists
from listkit.common.configuration import ConfigurationError, Table, load
from listkit.common.subcommands import Subcommands
from listkit.web import deployment, nginx
from listkit.web.user import NotAllowed, SubcommandFailed, become_web_user


class Failure(Exception):
    """A sub-command failed; the text has the reason."""


def main(arguments: list[str]) -> int:
    """Carry out one of the sub-commands; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return options.carry_out(options)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    except (OSError, ValueError) as error:
        print(f"{error}; run the playbook to write the configuration", file=sys.stderr)
        return 2
    except (Failure, NotAllowed, SubcommandFailed) as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="listkit web", description="Manage the web side of Mailman.")
    commands = Subcommands(parser)

    def add(name: str, summary: str, carry_out: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=summary)
        command.set_defaults(carry_out=carry_out)
        return command

    command = add("setup", "set up the database and the pages; passwords come on standard input", _setup)
    command.add_argument("--check", action="store_true", help="only print what would change")
    add("sync", "have the archive read every list's settings from core", _with_django(_sync))
    command = add("password-link", "print a link to set a new password", _with_django(_password_link))
    command.add_argument("name", metavar="NAME", help="a login, or an address of the account")
    command = add("rename-list", "give a renamed list's archive its new address", _rename_list)
    command.add_argument("old", metavar="OLD", type=str.lower)
    command.add_argument("new", metavar="NEW", type=str.lower)
    command = add("forget-list", "stop redirecting the archive of a former address", _forget_list)
    command.add_argument("old", metavar="OLD", type=str.lower)
    command = add("count-posts", "print how many posts an archive has", _with_django(_count_posts))
    command.add_argument("address", metavar="ADDRESS", type=str.lower)
    command = add("check-nginx", "test a file for /etc/nginx/conf.d/ (for Ansible)", _check_nginx)
    command.add_argument("file", metavar="FILE", type=Path)
    command = add("setup-application", "the part of setup that needs Django", _with_django(_set_up_application))
    command.add_argument("--check", action="store_true", help="only print what would change")
    command = add(
        "find-administrators", "print which logins are administrators (for setup)", _with_django(_administrators)
    )
    command.add_argument("logins", metavar="LOGIN", nargs="+")
    add("person-find", "print what is held about a person (for listkit person)", _with_django(_find_person))
    add("person-erase", "erase a person (for listkit person)", _with_django(_erase_person))
    add("count-jobs", "print how many jobs wait in the queue (for listkit upgrade)", _with_django(_count_jobs))
    command = add(
        "same-addresses", "show addresses that differ only in case (for listkit upgrade)", _with_django(_same_addresses)
    )
    command.add_argument("--merge", action="store_true", help="merge them")
    command = add("search-scratch", "index a restored archive, and search it (for listkit backup)", _search_scratch)
    command.add_argument("database", metavar="DATABASE")
    return parser


def _setup(options: argparse.Namespace) -> int:
    print(json.dumps(deployment.deploy(sys.stdin.read(), options.check)))
    return 0


def _forget_list(options: argparse.Namespace) -> int:
    former_lists.remove(options.old)
    return 0


def _check_nginx(options: argparse.Namespace) -> int:
    return nginx.check(options.file)


def _rename_list(options: argparse.Namespace) -> int:
    # The file belongs to root, and the rest runs as the web interface's user.
    if os.geteuid() == 0:
        former_lists.add(options.old, options.new)
    return _with_django(_rename_archive)(options)


def _search_scratch(options: argparse.Namespace) -> int:
    become_web_user()
    # Libraries may print something while they are imported.
    with redirect_stdout(sys.stderr):
        from listkit.web import scratch_search

        found = scratch_search.rebuild(options.database)
    print(json.dumps(asdict(found)))
    return 0


def _with_django(answer: Callable[[argparse.Namespace], object]) -> Callable[[argparse.Namespace], int]:
    """Return a function that prints what `answer` returns, in a process with Django that the database knows."""

    def carry_out(options: argparse.Namespace) -> int:
        become_web_user()
        # Libraries may print something while they are imported.
        with redirect_stdout(sys.stderr):
            from listkit.web import accounts, search_index, setup

            setup.load_django()
            try:
                found = answer(options)
            except search_index.IndexBusy as error:
                raise Failure(f"{error}; run it again later") from error
            except accounts.UnknownAccount as error:
                raise Failure(error) from error
        print(found if isinstance(found, str) else json.dumps(found))
        return 0

    return carry_out


def _set_up_application(options: argparse.Namespace) -> dict:
    from listkit.web import pages, setup

    wanted = load(deployment.CONFIGURATION, Table.content)
    changes = setup.apply(wanted, json.loads(sys.stdin.read()), options.check)
    return {"changes": changes, "pages": pages.render()}


def _sync(_: argparse.Namespace) -> str:
    from listkit.web.patches import archive_policies

    archive_policies.update()
    return ""


def _password_link(options: argparse.Namespace) -> str:
    from listkit.web import accounts

    return accounts.password_link(options.name)


def _administrators(options: argparse.Namespace) -> list[str]:
    from listkit.web import accounts

    return accounts.administrators(options.logins)


def _rename_archive(options: argparse.Namespace) -> int:
    from listkit.web import renaming

    return renaming.rename(options.old, options.new)


def _count_posts(options: argparse.Namespace) -> int:
    from listkit.web import renaming

    return renaming.posts(options.address)


def _count_jobs(_: argparse.Namespace) -> int:
    from listkit.web import queue

    return queue.waiting_jobs()


def _same_addresses(options: argparse.Namespace) -> list[str]:
    from listkit.web import same_addresses

    return same_addresses.report(merge_them=options.merge)


def _find_person(_: argparse.Namespace) -> dict:
    from listkit.person.identity import Person
    from listkit.web import people

    return people.find(Person.from_json(json.load(sys.stdin))).as_json()


def _erase_person(_: argparse.Namespace) -> dict:
    from listkit.person.identity import Person
    from listkit.web import people

    people.erase(Person.from_json(json.load(sys.stdin)))
    return {}
