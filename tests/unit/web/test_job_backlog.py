"""When a waiting job was queued, read from its signature without opening it; and the process that does the jobs."""

import subprocess

import pytest

from lab.commands import wait_for
from listkit.web import job_backlog


@pytest.mark.parametrize(
    ("payload", "time"),
    [
        # As django.core.signing writes it at 2023-11-14 22:13:20 UTC.
        (".eJxVjk:1r31eq:F_Gj-s", 1_700_000_000),
        ("a:b:1r31eq:F_Gj-s", 1_700_000_000),
        ("unreadable", None),
        ("", None),
        ("a::b", None),
        ("a:-:b", None),
    ],
)
def test_the_time_is_that_of_the_signature(payload, time):
    assert job_backlog.queued_at(payload) == time


@pytest.mark.parametrize(
    "command_line", ["uWSGI mule 1", "/usr/bin/python3 /usr/share/mailman3-web/manage.py qcluster"]
)
def test_the_process_that_does_the_jobs_is_found_by_its_name(command_line):
    with subprocess.Popen([command_line], executable="/usr/bin/cat", stdin=subprocess.PIPE) as process:
        try:
            wait_for(lambda: process.pid in job_backlog.processes(), "the process to be found", 10)
        finally:
            process.kill()
    with subprocess.Popen(["uWSGI worker 1"], executable="/usr/bin/cat", stdin=subprocess.PIPE) as process:
        assert process.pid not in job_backlog.processes()
        process.kill()
