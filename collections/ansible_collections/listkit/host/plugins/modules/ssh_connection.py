#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Report how ssh reaches this host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ssh_connection
short_description: Report the ssh connection that the run uses, and the ports of the ssh server
version_added: 0.1.0
description:
  - Finds the connection in the environment of the module's parent processes, which C(sudo) doesn't pass on, and the way
    in which it was authenticated in the journal.
  - Needs root.
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: N/A
    description: Changes nothing.
options: {}
"""

EXAMPLES = r"""
- name: Look at the connection
  listkit.host.ssh_connection:
  register: ssh

- name: Show the ports to keep open
  ansible.builtin.debug:
    msg: "{{ ssh.ports }}"
"""

RETURN = r"""
ports:
  description: The server's ports, and that of this connection, sorted. V([22]) on a host without a server.
  type: list
  elements: int
  returned: always
method:
  description: How this connection was authenticated, for example V(publickey). Empty if the run doesn't use ssh, or if
    the journal doesn't go back that far.
  type: str
  returned: always
password_login:
  description: Whether the server accepts passwords.
  type: bool
  returned: always
"""

import os
import re
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

VARIABLE = "SSH_CONNECTION="
DEFAULT_PORT = 22
SERVER = "/usr/sbin/sshd"
JOURNAL = ("journalctl", "--quiet", "--output=cat", "--reverse", "--lines=1", "-t", "sshd", "-t", "sshd-session")


def ancestors(pid, proc=Path("/proc")):
    """Yield `pid` and the processes above it."""
    while pid > 1:
        yield pid
        found = re.search(r"^PPid:\s+(\d+)", (proc / str(pid) / "status").read_text(), re.MULTILINE)
        pid = int(found[1]) if found else 0


def connection(pid, proc=Path("/proc")):
    """Return client address, client port, server address and server port of the ssh connection of `pid`, or []."""
    for process in ancestors(pid, proc):
        for entry in (proc / str(process) / "environ").read_text(errors="replace").split("\0"):
            if entry.startswith(VARIABLE):
                return entry[len(VARIABLE) :].split()
    return []


def accepted_method(journal, address, port):
    """Return how the server authenticated the client at `address` and `port`, by the lines of its log; or ""."""
    client = rf"from {re.escape(address)} port {port}\b"
    found = re.search(rf"^Accepted (\S+) for .* {client}", journal, re.MULTILINE)
    return found[1] if found else ""


def settings(text):
    """Return the values of the settings in the output of `sshd -T`, by lower-case name."""
    values = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        values.setdefault(name.lower(), []).append(value)
    return values


def report(module):
    """Return what the module returns."""
    server = settings(module.run_command([SERVER, "-T"])[1]) if os.access(SERVER, os.X_OK) else {}
    ports = {int(port) for port in server.get("port", [])}
    address, client_port, _, port = connection(os.getpid()) or ("", "", "", "")
    method = ""
    if address:
        ports.add(int(port))
        log = module.run_command([*JOURNAL, f"--grep=^Accepted .* port {client_port} "])[1]
        method = accepted_method(log, address, client_port)
    return {
        "ports": sorted(ports or {DEFAULT_PORT}),
        "method": method,
        "password_login": server.get("passwordauthentication", ["yes"]) != ["no"],
    }


def main():
    """Ansible's entry point."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    module.exit_json(changed=False, **report(module))


if __name__ == "__main__":
    main()
