"""The controller wakes up as soon as Postfix has finished a message, and never spins."""

import os
import signal
import subprocess
import sys
import time

import pytest

# In processes of their own: the watch blocks signals for good.
WAKE = """
import os, pathlib, sys, time
from listkit.budget.service import Watch
folder = pathlib.Path(sys.argv[1])
(folder / "A1").touch(0o600)
watch = Watch([folder])
(folder / "A1").chmod(0o700)
began = time.monotonic()
watch.sleep(30)
sys.exit(time.monotonic() - began > 20)
"""
FAR = """
import pathlib, sys
from listkit.budget import service
asked = []
service.signal.sigtimedwait = lambda signals, seconds: asked.append(seconds)
service.Watch([pathlib.Path(sys.argv[1])]).sleep(1_000_000)
sys.exit(asked != [60])
"""
SERVE = """
import pathlib, sys
from listkit.budget import service
from listkit.budget.accounts import Account, Site
from listkit.budget.answers import AnswerLimits
from listkit.budget.window import Limits
account = Account("mailman@example.org", Limits(1440, 100, 86400, 57))
site = Site((account,), ("example.org",), ("bounces",), 432000, AnswerLimits(2, 10))
service.WAIT_AFTER_FAILURE_SECONDS = 1
folder = pathlib.Path(sys.argv[1])
service.serve(site, folder / "ledger", folder / "status.json", folder / "spool")
"""
# A Postfix that isn't running: postsuper moves files all the same, postqueue finds nobody.
COMMANDS = {
    "postcat": """printf '*** ENVELOPE RECORDS hold/A1 ***\\nsender: a@example.org\\nrecipient: ana@example.com\\n'""",
    "postsuper": """
        echo "$1" >> {folder}/moves
        case $1 in
            -H) mv {folder}/spool/hold/A1 {folder}/spool/deferred/A1 ;;
            -h) mv {folder}/spool/deferred/A1 {folder}/spool/hold/A1 ;;
        esac""",
    "postqueue": """
        test "$1" = -j && exit
        echo 'fatal: Queue report unavailable - mail system is down' >&2
        exit 69""",
}


def python(script, folder):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment["PATH"] = f"{folder}/bin:{environment['PATH']}"
    return subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], env=environment, stderr=subprocess.PIPE, text=True
    )


def test_the_watch_wakes_when_a_message_is_finished(tmp_path):
    process = python(WAKE, tmp_path)
    _, said = process.communicate()
    if "does not tell us of changes" in said:
        pytest.skip("this kernel has no dnotify; the controller then looks every two seconds")
    assert process.returncode == 0, said


def test_the_watch_never_sleeps_long_so_a_clock_that_is_set_back_stops_nothing(tmp_path):
    assert python(FAR, tmp_path).wait() == 0


def test_a_postfix_that_is_down_is_not_asked_again_and_again(tmp_path):
    for place in ("incoming", "active", "deferred", "hold"):
        (tmp_path / "spool" / place).mkdir(parents=True)
    (tmp_path / "spool/hold/A1").touch(0o700)
    (tmp_path / "bin").mkdir()
    for name, script in COMMANDS.items():
        command = tmp_path / "bin" / name
        command.write_text(f"#!/bin/sh\n{script.format(folder=tmp_path)}\n")
        command.chmod(0o755)
    process = python(SERVE, tmp_path)
    time.sleep(4)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=10)
    assert process.returncode == 0, said
    tries = said.count("mail system is down")
    assert 2 <= tries <= 4, said
