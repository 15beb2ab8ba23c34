#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Whether a host has what a deployment needs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: readiness_info
short_description: See whether a host has room, the right time, and connections to the outside
version_added: 0.1.0
description:
  - Looks at the disk, the memory, the clock, the package archives that apt is configured with, and services elsewhere.
    Needs no root.
  - What would stop a deployment is a problem. What may be intended, or doesn't matter on a host that is deployed
    already, is a notice.
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: none
    description: Changes nothing.
options:
  controller_time:
    description: The time of the machine that deploys, in seconds since 1970.
    type: float
    required: true
  endpoints:
    description: TCP ports that the host must be able to connect to.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description: Name or address.
        type: str
        required: true
      port:
        description: Port.
        type: int
        required: true
      required:
        description: Whether the deployment is useless without it.
        type: bool
        default: true
  timeout:
    description: Seconds to wait for a connection.
    type: int
    default: 4
"""

EXAMPLES = r"""
- name: See whether the host can send mail
  listkit.host.readiness_info:
    controller_time: "{{ now().timestamp() }}"
    endpoints: [{host: mail.infomaniak.com, port: 587}]
  register: readiness
  failed_when: readiness.problems | length > 0
"""

RETURN = r"""
problems:
  description: What would stop a deployment, with the cause and the fix.
  type: list
  elements: str
  returned: success
notices:
  description: What may be wrong, with the cause and the fix.
  type: list
  elements: str
  returned: success
closed:
  description: The endpoints that can't be connected to, as V(host:port).
  type: list
  elements: str
  returned: success
"""

import os
import re
import socket
import subprocess
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule

PROGRAMS = Path("/usr/local/lib/listkit/listkit.pyz")
MEBIBYTE = 1024**2
NEEDED_MIB, COMFORTABLE_MIB, LOW_MIB = 1024, 2048, 512
"""On the disk: for a deployment, for one with archives, and for one that is there already."""
NEEDED_MEMORY_MIB = 900
"""An instance with 1 GiB has a little less for programs."""
CLOCK_TOLERANCE_SECONDS = 120
ARCHIVE = re.compile(r"^'([^']+/InRelease)' ", re.MULTILINE)
SPARE_SECONDS = 3


def unreachable(host, port, timeout):
    """Return why a TCP port can't be connected to, with the fix; None if it can."""
    try:
        socket.create_connection((host, port), timeout=timeout).close()
    except socket.gaierror:
        return "the name has no address. Check its spelling, and the name servers in /etc/resolv.conf."
    except ConnectionRefusedError:
        return "nothing listens there. Check the name and the port."
    except TimeoutError:
        return f"no answer within {timeout} s. Let the host's firewall and the cloud's security group open this port."
    except OSError as error:
        return f"{error.strerror}. Check the host's network and routes."
    return None


def disk(deployed, free_mib):
    """Return what is wrong with the free space below /var, or None."""
    if free_mib >= (LOW_MIB if deployed else COMFORTABLE_MIB):
        return None
    if deployed:
        return f"/var has {free_mib} MiB free. `apt-get clean` makes room, or use a larger disk."
    return (
        f"/var has {free_mib} MiB free. A deployment uses about {NEEDED_MIB} MiB, and archives grow: use a larger disk,"
        " or make room."
    )


def free_mib(path="/var"):
    """Return how much room there is for files, in MiB."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize // MEBIBYTE


def memory(meminfo):
    """Return what is wrong with the memory, or None. `meminfo`: the text of /proc/meminfo."""
    kib = {name: int(size) for name, size in re.findall(r"^(MemTotal|SwapTotal): +(\d+) kB$", meminfo, re.MULTILINE)}
    mib = sum(kib.values()) // 1024
    if mib >= NEEDED_MEMORY_MIB:
        return None
    return f"The host has {mib} MiB of memory and swap. Use an instance with 1 GiB or more, or add swap."


def clock(host_time, controller_time):
    """Return by how much two clocks differ, or None. Both times in seconds since 1970."""
    seconds = host_time - controller_time
    if abs(seconds) <= CLOCK_TOLERANCE_SECONDS:
        return None
    direction = "ahead of" if seconds > 0 else "behind"
    return (
        f"The host's clock is {abs(seconds) / 60:.0f} minutes {direction} that of the machine that deploys. With a"
        " wrong clock no certificate is valid. `timedatectl` shows whether it is synchronised, and `apt-get install"
        " systemd-timesyncd` keeps it so."
    )


def archives():
    """Return one file of each site that apt gets packages from, by site; proxies and mirrors are those of apt."""
    listed = subprocess.run(["apt-get", "--print-uris", "update"], capture_output=True, text=True, check=False).stdout
    sites = {}
    for uri in ARCHIVE.findall(listed):
        parts = urlsplit(uri)
        sites.setdefault(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", uri)
    return sites


def archive_problem(site, uri, timeout):
    """Return why apt can't download this file of a site, with the fix, or None."""
    options = [f"-oAcquire::{name}={timeout}" for name in ("http::Timeout", "https::Timeout")]
    with tempfile.TemporaryDirectory() as folder:
        command = ["/usr/lib/apt/apt-helper", *options, "-oAcquire::Retries=0", "download-file", uri, f"{folder}/file"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout + 1, check=False)
        except subprocess.TimeoutExpired:
            reason = f"no answer within {timeout} s"
        else:
            if not done.returncode:
                return None
            reasons = re.findall(r"^E: Failed to fetch \S+ +(.+)$", done.stderr, re.MULTILINE)
            reason = " ".join(reasons[0].split()).rstrip(".") if reasons else "the download fails"
    return (
        f"apt can't reach {site}: {reason}. Check the host's name servers and its firewall, and the archives in"
        " /etc/apt/sources.list and /etc/apt/sources.list.d."
    )


def at_once(checks, seconds):
    """Return what the checks return, in their order; each is a function and what to return if it takes too long."""
    results = [late for _check, late in checks]

    def work(number, check):
        results[number] = check()

    # A look-up of a name has no time limit of its own. Daemons don't keep the module from ending.
    threads = [threading.Thread(target=work, args=(number, check), daemon=True)
               for number, (check, _late) in enumerate(checks)]  # fmt: skip
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    return list(results)


def find(endpoints, controller_time, timeout, deployed):
    """Return the result of the module."""
    doubts = [clock(time.time(), controller_time), memory(Path("/proc/meminfo").read_text())]
    sites = archives()
    late = f"no answer within {timeout} s. Check the name servers in /etc/resolv.conf."
    outside = at_once(
        [(partial(unreachable, each["host"], each["port"], timeout), late) for each in endpoints]
        + [(partial(archive_problem, site, uri, timeout), f"{site}: {late}") for site, uri in sites.items()],
        timeout + SPARE_SECONDS,
    )
    closed = [(each, why) for each, why in zip(endpoints, outside, strict=False) if why]
    stops = [f"{_name(each)}: {why}" for each, why in closed if each["required"]]
    doubts += [f"{_name(each)}: {why}" for each, why in closed if not each["required"]]
    free = free_mib()
    (doubts if deployed or free >= NEEDED_MIB else stops).append(disk(deployed, free))
    (doubts if deployed else stops).extend(outside[len(endpoints) :])
    return {
        "problems": list(filter(None, stops)),
        "notices": list(filter(None, doubts)),
        "closed": [_name(each) for each, _why in closed],
    }


def _name(endpoint):
    return f"{endpoint['host']}:{endpoint['port']}"


def main():
    """Ansible's entry point."""
    endpoint = {
        "host": {"type": "str", "required": True},
        "port": {"type": "int", "required": True},
        "required": {"type": "bool", "default": True},
    }
    module = AnsibleModule(
        argument_spec={
            "controller_time": {"type": "float", "required": True},
            "endpoints": {"type": "list", "elements": "dict", "default": [], "options": endpoint},
            "timeout": {"type": "int", "default": 4},
        },
        supports_check_mode=True,
    )
    params = module.params
    found = find(params["endpoints"], params["controller_time"], params["timeout"], PROGRAMS.exists())
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
