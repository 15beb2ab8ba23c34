"""The user that PostgreSQL gives the web interface's database to: become it, or run a sub-command as it."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys

from listkit.common.systemd import as_user

USER = "www-data"

_COMMAND = "/usr/local/bin/listkit"


class NotAllowed(Exception):
    """This process's user can't become the web interface's; the text says who can."""


class SubcommandFailed(Exception):
    """A sub-command failed; the text has its reason."""


def become_web_user() -> None:
    """Start this program again as `USER`, unless it runs as it already. Raises NotAllowed unless run by root."""
    user = pwd.getpwnam(USER)
    if os.geteuid() == user.pw_uid:
        return
    if os.geteuid() != 0:
        raise NotAllowed(f"run it as root or {USER}")
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    # PostgreSQL's library looks for certificates there.
    os.environ["HOME"] = user.pw_dir
    # A process that only changed its user is hidden from others of that user: the job queue would consider it dead, and
    # break its lock.
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 -- no shell is wanted


def run_as_web_user(*arguments: str, stdin: str = "") -> str:
    """Run `listkit web` with these arguments as `USER`; return its output. Raises SubcommandFailed."""
    command = as_user(USER, (_COMMAND, "web", *arguments))
    answer = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise SubcommandFailed(answer.stderr.strip() or f"ended with status {answer.returncode}")
    return answer.stdout
