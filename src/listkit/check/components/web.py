"""The web interface. Settings: `fqdn`, the site's host name."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from typing import Any

from listkit.check.finding import Check, Finding
from listkit.check.probes import date, with_last_log_line
from listkit.check.settings import Settings
from listkit.common.systemd import as_user

FIRST_PAGE_SECONDS = 10.0
"""The first page after a start takes longer than the others."""
NAME = "web interface"
INDEX = "search index"
STATUS_SECONDS = 20.0
"""Loading Django takes a second, and many more on a busy host. An alert has to wait for the slowest check, twice."""
REINDEX = "`listkit archive reindex`"
WEB_USER = "www-data"
STATUS = ("/usr/local/bin/listkit", "archive", "status")
JOBS = "background jobs"
MOST_JOB_SECONDS = 900
"""A job may take five minutes, and one that fails is tried again after six."""
RESTART = "`systemctl restart mailman3-web`"


def checks(settings: Settings) -> list[Check]:
    """Return the checks."""
    fqdn = settings.own.host("fqdn")
    return [Check(NAME, lambda: check_page(fqdn)), Check(INDEX, check_archive)]


def check_page(fqdn: str) -> Iterator[Finding]:
    """The page with all lists is served over TLS under the site's name."""
    began = time.monotonic()
    try:
        status = fetch_status(fqdn)
    except ConnectionRefusedError as error:
        remedy = "`nginx -t` names faults of its configuration; `systemctl restart nginx`"
        yield Finding.critical(NAME, with_last_log_line(f"nginx does not listen: {error}", "nginx.service"), remedy)
    except OSError as error:
        yield Finding.critical(NAME, f"no page: {error}", RESTART)
    else:
        if " 200 " in f"{status} ":
            yield Finding.ok(NAME, status).measured(listkit_web_page_seconds=time.monotonic() - began)
        else:
            seen = with_last_log_line(status or "the connection is closed at once", "mailman3-web.service")
            yield Finding.critical(NAME, seen, RESTART)


def fetch_status(fqdn: str) -> str:
    """Return the status line of the page. Raises OSError."""
    # Not the default context, which loads all authorities.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Whether browsers accept the certificate is the finding of `certificate`.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = f"GET /mailman3/postorius/lists/ HTTP/1.1\r\nHost: {fqdn}\r\nConnection: close\r\n\r\n"
    with (
        socket.create_connection(("127.0.0.1", 443), FIRST_PAGE_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=fqdn) as connection,
    ):
        connection.sendall(request.encode())
        return connection.makefile("rb").readline().decode(errors="replace").strip()


def check_archive() -> Iterator[Finding]:
    """The search finds every post of the archive, none was archived in the future, and the background jobs are done."""
    look = "`sudo listkit archive status`"
    # By itself, root's would start a second time, as the user whom the database knows.
    command = STATUS if os.geteuid() else as_user(WEB_USER, STATUS, STATUS_SECONDS)
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=STATUS_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        yield Finding.unknown(INDEX, f"`listkit archive status` has no answer after {STATUS_SECONDS:.0f} s", look)
        return
    if answer.returncode:
        reason = answer.stderr.strip().splitlines()[-1:] or [f"status {answer.returncode}"]
        yield Finding.unknown(INDEX, f"`listkit archive status` failed: {reason[0]}", look)
    else:
        # Libraries may print when they are imported; the answer is the last line.
        state = json.loads(answer.stdout.splitlines()[-1])
        yield from index_findings(state)
        jobs = state["jobs"]
        yield job_finding(jobs).measured(
            listkit_web_waiting_jobs=jobs["waiting"], listkit_web_oldest_job_timestamp_seconds=jobs["oldest"]
        )


def index_findings(state: dict[str, Any]) -> Iterator[Finding]:
    """Judge what `listkit archive status` prints."""
    if "damaged" in state:
        remedy = "`listkit archive reindex --rebuild`"
        yield Finding.critical(INDEX, f"the search fails, the index is damaged: {state['damaged']}", remedy)
        return
    figures: dict[str, float] = {
        "listkit_web_archived_posts": state["posts"],
        "listkit_web_unindexed_posts": state["missing"],
    }
    if state["missing"]:
        posts = f"{state['missing']} of {state['posts']} posts, the first since {state['since']}"
        seen = with_last_log_line(f"the search does not find {posts}", "mailman3-web.service")
        yield Finding.warning(INDEX, seen, REINDEX).measured(**figures)
    if state["future"]:
        seen = f"{state['future']} of {state['posts']} posts were archived in the future, the last on {state['last']}"
        yield Finding.warning(INDEX, seen, REINDEX)
    if not state["missing"] and not state["future"]:
        yield Finding.ok(INDEX, f"the search finds all {state['posts']} posts").measured(**figures)


def job_finding(jobs: dict[str, Any]) -> Finding:
    """Judge the jobs of `listkit archive status`."""
    since = f", the oldest since {date(jobs['oldest'])}" if jobs["oldest"] else ""
    seen = f"{jobs['waiting']} wait{since}" if jobs["waiting"] else "none waits"
    if not jobs["running"]:
        seen = with_last_log_line(f"no process does them; {seen}", "mailman3-web.service")
        return Finding.critical(JOBS, seen, RESTART)
    if jobs["waiting"] and time.time() - (jobs["oldest"] or 0) > MOST_JOB_SECONDS:
        return Finding.warning(
            JOBS, with_last_log_line(f"{seen}: the queue hangs, or is overloaded", "mailman3-web.service"), RESTART
        )
    return Finding.ok(JOBS, seen)
