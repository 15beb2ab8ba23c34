"""`listkit web`: what the role `web` does on the host, in few steps.

`setup` creates the sites and the administrators in Django's database, and the pages that the web server shows by
itself. Passwords come on standard input, as a JSON object by login. The command returns at once when nothing that it
depends on has changed since the last time, and prints `{"changed": bool, "changes": [str],
"former_administrators": [str]}`: the last are accounts that aren't declared any more.

`sync` has the archive read every list's settings from Mailman's core, after they were changed by the REST API: who may
read an archive, for example. Without it, the archive does so within five minutes.

`password-link NAME` prints a link, which works once, to set a new password for the account of that name or address. It
also opens an account that is locked after wrong passwords.

`person-find` answers, as JSON, with what the archive and the accounts hold about the person who is described on
standard input (`listkit.person.identity`); `person-erase` deletes it. They are for `listkit person`.

`rename-list OLD NEW` gives the archive of a renamed list its new address, and redirects its pages; it prints how many
posts it has. `count-posts ADDRESS` prints only that.

`count-jobs` and `same-addresses` are for an upgrade of the host (`listkit upgrade`).

`check-nginx FILE` checks whether nginx accepts a file that is meant for `/etc/nginx/conf.d/`.

Exit status: 0 done, 1 failed, 2 the configuration can't be read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from listkit.common import former_lists
from listkit.common.configuration import ConfigurationError, Table, load
from listkit.common.durable import replace_file
from listkit.web import SHARE, pages

COMMAND = "/usr/local/bin/listkit"
ARTEFACT = Path("/usr/local/lib/listkit/listkit.pyz")
CONFIGURATION = Path("/etc/listkit/web.json")
SETTINGS = Path("/etc/mailman3/mailman-web.py")
TEMPLATES = SHARE / "templates"
STAMP = Path("/var/lib/listkit/web-setup.json")
USER = "www-data"

NGINX_AROUND = """\
pid {folder}/nginx.pid;
error_log stderr warn;
include /etc/nginx/modules-enabled/*.conf;
events {{}}
http {{
    include /etc/nginx/mime.types;
    include {file};
}}
"""


class Failure(Exception):
    """A sub-command failed; the text has the reason."""


def inputs_digest(*files: Path) -> str:
    """Return a digest of the content of `files`."""
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def as_web_user(*arguments: str, stdin: str = "") -> str:
    """Run another sub-command as the user that the database knows; return what it printed."""
    answer = subprocess.run(
        [COMMAND, "web", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        user=USER,
        group=USER,
        extra_groups=[],
        # PostgreSQL's library looks for certificates there, and root's home is closed to this user.
        env={**os.environ, "HOME": pwd.getpwnam(USER).pw_dir},
        cwd="/",
    )
    if answer.returncode:
        raise Failure(answer.stderr.strip() or f"ended with status {answer.returncode}")
    return answer.stdout


def set_up_application(passwords: str, dry_run: bool) -> list[str]:
    """Set up the database and render the pages in a process with Django; return a line for each change."""
    answer = as_web_user("setup-application", *(["--check"] if dry_run else []), stdin=passwords)
    # Libraries may print something while they are imported; the answer is the last line.
    done = json.loads(answer.splitlines()[-1])
    return [*done["changes"], *pages.install(done["pages"], dry_run=dry_run)]


def set_up(passwords: str, dry_run: bool) -> dict:
    """Set up the database and the pages; return what changed, and who is no longer declared.

    passwords: by login, as JSON.
    """
    wanted = load(CONFIGURATION, Table.content)
    digest = inputs_digest(CONFIGURATION, SETTINGS, ARTEFACT, *sorted(TEMPLATES.rglob("*.html")))
    last = load(STAMP, Table.content, missing={})
    logins = {wanted["superuser"], *(entry["user"] for entry in wanted["administrators"])}
    done = last.get("digest") == digest and pages.is_installed()
    changes = [] if done and not wanted["superuser_password_force"] else set_up_application(passwords, dry_run)
    former = still_administrators(sorted({*last.get("administrators", ())} - logins))
    present = {"digest": digest, "administrators": sorted(logins.union(former))}
    if not dry_run and present != last:
        replace_file(STAMP, json.dumps(present))
    return {"changed": bool(changes), "changes": changes, "former_administrators": former}


def still_administrators(logins: Sequence[str]) -> list[str]:
    """Return those of these logins whose accounts are administrators."""
    if not logins:
        return []
    found: list[str] = json.loads(as_web_user("find-administrators", *logins).splitlines()[-1])
    return found


def check_nginx(file: Path) -> int:
    """Return the exit status of nginx's test of `file`; its messages go to standard error."""
    with tempfile.TemporaryDirectory() as folder:
        main_file = Path(folder) / "nginx.conf"
        main_file.write_text(NGINX_AROUND.format(folder=folder, file=file))
        return subprocess.run(["/usr/sbin/nginx", "-t", "-q", "-c", str(main_file)], check=False).returncode


def carry_out(options: argparse.Namespace) -> int:
    """Carry out the sub-command in `options`; return the exit status."""
    if options.command == "check-nginx":
        return check_nginx(options.file)
    if options.command == "setup":
        print(json.dumps(set_up(sys.stdin.read(), options.check)))
    elif options.command == "forget-list":
        former_lists.remove(options.old)
    elif options.command in PERSON:
        print(json.dumps(_person(options.command.removeprefix("person-"), json.load(sys.stdin))))
    elif options.command in WITH_DJANGO:
        print(_with_django(options))
    else:
        if options.command == "rename-list":
            former_lists.add(options.old, options.new)
        # Libraries may print something while they are imported; the answer is the last line.
        print(as_web_user(*AS_WEB_USER[options.command](options)).rstrip().rpartition("\n")[2])
    return 0


AS_WEB_USER: dict[str, Callable[[argparse.Namespace], list[str]]] = {
    "sync": lambda _options: ["sync-database"],
    "password-link": lambda options: ["make-password-link", options.name],
    "rename-list": lambda options: ["rename-archive", options.old, options.new],
    "count-posts": lambda options: ["count-archived", options.address],
}
"""The sub-commands that run one of `WITH_DJANGO` as the user that the database knows."""
WITH_DJANGO = (
    "setup-application",
    "sync-database",
    "make-password-link",
    "find-administrators",
    "rename-archive",
    "count-archived",
    "count-jobs",
    "same-addresses",
)
"""The sub-commands that load Django: only they and `PERSON` pay for it."""
PERSON = ("person-find", "person-erase")


def _with_django(options: argparse.Namespace) -> object:
    """Carry out one of `WITH_DJANGO`; return what to print."""
    from listkit.web import accounts, queue, renaming, same_addresses, search_index, setup
    from listkit.web.patches import archive_policies

    if options.command == "setup-application":
        wanted = load(CONFIGURATION, Table.content)
        changes = setup.apply(wanted, json.loads(sys.stdin.read()), options.check)
        return json.dumps({"changes": changes, "pages": pages.render()})
    setup.load_django()
    try:
        if options.command == "make-password-link":
            return accounts.password_link(options.name)
        if options.command == "find-administrators":
            return json.dumps(accounts.administrators(options.names))
        if options.command == "rename-archive":
            return renaming.rename(options.old, options.new)
        if options.command == "count-archived":
            return renaming.posts(options.address)
        if options.command == "count-jobs":
            return queue.waiting_jobs()
        if options.command == "same-addresses":
            return json.dumps(same_addresses.report(merge_them=options.merge))
    except (accounts.UnknownAccount, search_index.IndexBusy) as error:
        raise Failure(error) from error
    archive_policies.update()
    return ""


def _person(action: str, described: dict) -> dict:
    """Find a person and return what is held, or erase the person."""
    from listkit.person.identity import Person
    from listkit.web import people, search_index, setup

    setup.load_django()
    person = Person.from_json(described)
    try:
        if action == "find":
            return people.find(person).as_json()
        people.erase(person)
        return {}
    except search_index.IndexBusy as error:
        raise Failure(f"{error}; run it again later") from error


def main(arguments: list[str]) -> int:
    """Carry out one of the sub-commands."""
    parser = argparse.ArgumentParser(prog="listkit web", description="Set up the web side of Mailman.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("setup", "setup-application"):
        command = commands.add_parser(name, help="passwords come on standard input")
        command.add_argument("--check", action="store_true", help="only print what would change")
    for name in ("sync", "sync-database"):
        commands.add_parser(name, help="have the archive read every list's settings from core")
    for name in ("password-link", "make-password-link"):
        commands.add_parser(name, help="print a link to set a new password").add_argument("name")
    for name in PERSON:
        commands.add_parser(name, help="a person's description comes on standard input (for listkit person)")
    finder = commands.add_parser("find-administrators", help="print which of these accounts are administrators")
    finder.add_argument("names", nargs="+")
    for name in ("rename-list", "rename-archive"):
        command = commands.add_parser(name, help="give a renamed list's archive its new address")
        command.add_argument("old", type=str.lower)
        command.add_argument("new", type=str.lower)
    commands.add_parser("forget-list", help="redirect a former address no longer").add_argument("old", type=str.lower)
    for name in ("count-posts", "count-archived"):
        command = commands.add_parser(name, help="print how many posts an archive has")
        command.add_argument("address", type=str.lower)
    commands.add_parser("count-jobs", help="print how many jobs wait in the queue (for listkit upgrade)")
    same = commands.add_parser("same-addresses", help="show addresses that differ only in case (for listkit upgrade)")
    same.add_argument("--merge", action="store_true", help="merge them")
    commands.add_parser("check-nginx", help="test a file for /etc/nginx/conf.d/").add_argument("file", type=Path)
    try:
        return carry_out(parser.parse_args(arguments))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    except (OSError, ValueError) as error:
        print(f"{error}; run the playbook to write the configuration", file=sys.stderr)
        return 2
    except Failure as error:
        print(error, file=sys.stderr)
        return 1
