"""`listkit list`: rename a list, or forget a former address of a list.

`rename` gives a list another address, with everything that belongs to it: people with their settings, the list's
settings, bans, templates, held messages, pending requests, the next digest, and the archive. Mail to the former address
is still delivered, and links to its archive still lead to the posts, until `forget`. It can be run again after it was
interrupted.

Exit status: 0 done, 1 something is left to do, which the output names, 2 nothing was changed.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import is_address, list_addresses

from listkit.common import former_lists
from listkit.common.configuration import ConfigurationError
from listkit.common.rest import NotFound, RestClient, RestError
from listkit.common.subcommands import Subcommands

COMMAND = "/usr/local/bin/listkit"
TEMPLATES = Path("/var/lib/listkit/templates/lists")
"""The texts of lists' templates, which the role `lists` writes."""
WEB = Path("/etc/listkit/web.json")
"""On a host with the web interface."""
TIMEOUT_SECONDS = 120.0
KINDS = {
    "member": "members",
    "owner": "owners",
    "moderator": "moderators",
    "nonmember": "nonmembers",
    "request": "held messages and requests",
    "ban": "bans",
    "template": "templates",
}


class Failure(Exception):
    """Nothing was changed; the text says why."""


class Unfinished(Exception):
    """A part is left to do; the text says which, and how."""


def main(argv: list[str]) -> int:
    """Carry out one of the sub-commands; return the exit status."""
    options = _parser().parse_args(argv)
    try:
        options.carry_out(options)
    except Unfinished as error:
        print(f"listkit list: {error}", file=sys.stderr)
        return 1
    except (Failure, ConfigurationError, RestError) as error:
        reason = str(error)
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}"
    else:
        return 0
    print(f"listkit list: {reason}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="listkit list", description="Rename a list, or forget a former address.")
    commands = Subcommands(parser)
    rename = commands.add_parser("rename", help="give a list another address")
    rename.set_defaults(carry_out=rename_list)
    rename.add_argument("old", metavar="OLD", type=_address, help="the list's address: news@example.org")
    rename.add_argument("new", metavar="NEW", type=_address, help="its new address: letters@example.org")
    rename.add_argument("--dry-run", action="store_true", help="only print what would move")
    forget = commands.add_parser("forget", help="stop delivering mail to a former address")
    forget.set_defaults(carry_out=forget_address)
    forget.add_argument("old", metavar="OLD", type=_address, help="the former address: news@example.org")
    return parser


def _address(text: str) -> str:
    if not is_address(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a full address, such as news@example.org")
    return text.lower()


def rename_list(options: argparse.Namespace) -> None:
    """Rename a list, or finish doing so. Raises Failure and Unfinished."""
    old, new = options.old, options.new
    rest = RestClient.of_this_host(TIMEOUT_SECONDS)
    begun = former_lists.read().get(old) == new
    moving = _contents(rest, old, new, begun=begun)
    if WEB.exists():
        moving["archived posts"] = _archived_posts(old, new, begun=begun)
    print(f"{old} {'would become' if options.dry_run else 'becomes'} {new}, with")
    print("\n".join(f"  {number} {kind}" for kind, number in moving.items() if number))
    if options.dry_run:
        return
    # First of all: from now on, mail to either address reaches the list.
    former_lists.add(old, new)
    _copy_texts(old, new)
    if _exists(rest, old):
        rest.post_json(f"plugins/listkit/renaming/{_list_id(old)}", {"to": new})
    shutil.rmtree(TEMPLATES / _list_id(old), ignore_errors=True)  # most lists have no texts of their own
    _rename_archive(old, new)
    print(_remaining_steps(old, new))


def _contents(rest: RestClient, old: str, new: str, *, begun: bool) -> dict[str, int]:
    """Return how much of each kind moves in Mailman; nothing if it has moved already. Raises Failure."""
    try:
        answer = rest.get(f"plugins/listkit/renaming/{_list_id(old)}?to={quote(new)}")
    except NotFound as error:
        raise Failure(f"{old}: there is no such list") from error
    if begun and answer["address"] == new:
        return {}
    if answer["address"] != old:
        raise Failure(f"{old} was renamed to {answer['address']} already")
    if answer["problem"]:
        raise Failure(answer["problem"])
    return {noun: answer[kind] for kind, noun in KINDS.items()}


def _archived_posts(old: str, new: str, *, begun: bool) -> int:
    """Return how many posts the archive has. Raises Failure if another archive has the new address."""
    in_the_way = int(_web("count-posts", new))
    if in_the_way and not begun:
        raise Failure(
            f"{new} has an archive with {in_the_way} posts, of an earlier list; choose another name, or have an "
            "administrator delete that archive on its page in the web interface"
        )
    return int(_web("count-posts", old)) + in_the_way


def _web(*arguments: str) -> str:
    done = subprocess.run([COMMAND, "web", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"listkit web {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def _exists(rest: RestClient, address: str) -> bool:
    try:
        rest.get(f"lists/{quote(address, safe='@')}")
    except NotFound:
        return False
    return True


def _copy_texts(old: str, new: str) -> None:
    """Copy the texts of templates: a post that is sent meanwhile needs them at the place that Mailman knows."""
    if (TEMPLATES / _list_id(old)).is_dir():
        shutil.copytree(TEMPLATES / _list_id(old), TEMPLATES / _list_id(new), dirs_exist_ok=True)


def _rename_archive(old: str, new: str) -> None:
    command = f"listkit web rename-list {old} {new}"
    if not WEB.exists():
        raise Unfinished(f"the list is renamed; for its archive, run on the web host: sudo {command}")
    try:
        _web("rename-list", old, new)
    except Failure as error:
        raise Unfinished(f"the list is renamed; its archive isn't yet: {error}. Run the same command again") from error


def _remaining_steps(old: str, new: str) -> str:
    name, _at, domain = new.partition("@")
    aliases = ", ".join(address.partition("@")[0] for address in list_addresses(new))
    return f"""
Now:
  1. In mailman_lists, change the name of {old} to {name}, or to {new} if {domain} isn't mailman_domain;
     also in mail_accounts, where the list has an account of its own. Run the whole playbook.
  2. Create the aliases of {new} at the mail provider, unless the run does: {aliases}
  3. Keep those of {old} for as long as mail to it shall arrive. Then delete them, and run:
     sudo listkit list forget {old}"""


def forget_address(options: argparse.Namespace) -> None:
    """Deliver mail to a former address no longer. Raises Failure."""
    if options.old not in former_lists.read():
        known = ", ".join(sorted(former_lists.read())) or "there is none"
        raise Failure(f"{options.old} is not a former address of a list ({known})")
    former_lists.remove(options.old)
    if not WEB.exists():
        raise Unfinished(f"done here; on the web host, run: sudo listkit web forget-list {options.old}")


def _list_id(address: str) -> str:
    return address.replace("@", ".", 1)
