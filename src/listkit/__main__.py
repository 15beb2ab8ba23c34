"""The command `listkit`."""

from __future__ import annotations

import sys

from listkit import __version__
from listkit.common.commandline import Command, CommandLine

COMMANDS = {
    "alert": Command("listkit.alert.cli", "report what the checks find, when it begins and when it ends"),
    "archive": Command("listkit.archive.cli", "import, prune and index the archives"),
    "backup": Command("listkit.backup.cli", "back this site up; restore and check backups"),
    "bridge": Command("listkit.bridge.cli", "fetch mail from the IMAP mailboxes and deliver it to Mailman"),
    "budget": Command("listkit.budget.cli", "show or control how much mail may still leave"),
    "canary": Command("listkit.canary.cli", "send a test message all the way through the site and back"),
    "certificate": Command("listkit.certificate.cli", "obtain and renew the web server's certificate"),
    "check": Command("listkit.check.cli", "check every component; print causes and remedies"),
    "discard": Command("listkit.trace.cli", "delete a waiting message", "discard"),
    "list": Command("listkit.lists.cli", "rename a list; forget a former address"),
    "mailman-master": Command("listkit.mailman.master", "run Mailman's master process (for systemd)"),
    "members": Command("listkit.members.cli", "import, export or synchronise the members of a list"),
    "person": Command("listkit.person.cli", "show what is held about a person, or erase the person"),
    "release": Command("listkit.trace.cli", "release a waiting message", "release"),
    "report": Command("listkit.report.cli", "show posts, members, bounces and mail sent in a month"),
    "repost": Command("listkit.trace.cli", "have the bridge deliver a message again", "repost"),
    "restart": Command("listkit.restart", "restart services that run files which an update has replaced"),
    "trace": Command("listkit.trace.cli", "follow a message through the site"),
    "trace-server": Command("listkit.trace.cli", "follow messages for another host of the site (for systemd)", "serve"),
    "upgrade": Command("listkit.upgrade.cli", "upgrade this host from Debian 12 to 13 (for Ansible)"),
    "version": Command("listkit.version", "show the version; with --json, also Debian's packages"),
    "web": Command("listkit.web.cli", "manage the web interface and its archive"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one sub-command and return its exit status."""
    program = CommandLine("listkit", __version__, "Run Mailman 3 behind a hosted mail service.", COMMANDS)
    return program.run(sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())
