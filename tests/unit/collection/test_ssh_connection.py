"""listkit.host.ssh_connection: the connection of the run, found from below sudo."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from ansible_collections.listkit.host.plugins.modules import ssh_connection

JOURNAL = """\
Accepted publickey for debian from 192.0.2.7 port 40112 ssh2: ED25519 SHA256:abc
Accepted password for ana from 192.0.2.7 port 4011 ssh2
"""


@pytest.fixture
def proc(tmp_path):
    """sshd (5) runs a shell (6) with the variable, which runs sudo (7), which runs a program without it (8)."""
    environments = {5: "", 6: "A=1\0SSH_CONNECTION=2001:db8::7 40112 2001:db8::1 2222\0", 7: "", 8: "B=2\0"}
    for pid, environ in environments.items():
        directory = tmp_path / str(pid)
        directory.mkdir()
        (directory / "status").write_text(f"Name:\tx\nPPid:\t{pid - 1 if pid > 5 else 1}\n")
        (directory / "environ").write_text(environ)
    return tmp_path


def test_the_connection_is_that_of_an_ancestor(proc):
    assert ssh_connection.connection(8, proc) == ["2001:db8::7", "40112", "2001:db8::1", "2222"]


def test_a_local_run_has_no_connection(proc):
    assert ssh_connection.connection(5, proc) == []


def test_it_is_found_in_a_real_process():
    script = (
        "import os; from ansible_collections.listkit.host.plugins.modules import ssh_connection;"
        "print(*ssh_connection.connection(os.getpid()))"
    )
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = ["env", "SSH_CONNECTION=192.0.2.7 1 192.0.2.1 22", "sh", "-c", 'env -u SSH_CONNECTION "$@"; :', "sh"]
    out = subprocess.run([*command, sys.executable, "-c", script], env=os.environ | environment, capture_output=True)
    assert out.stdout.decode().split() == ["192.0.2.7", "1", "192.0.2.1", "22"]


@pytest.mark.parametrize(("port", "method"), [("40112", "publickey"), ("4011", "password"), ("401", "")])
def test_the_method_is_that_of_this_connection(port, method):
    assert ssh_connection.accepted_method(JOURNAL, "192.0.2.7", port) == method


def test_the_servers_settings_may_occur_twice():
    found = ssh_connection.settings("port 22\nport 2222\npasswordauthentication no\nprintmotd\n")
    assert found["port"] == ["22", "2222"]
    assert found["passwordauthentication"] == ["no"]
