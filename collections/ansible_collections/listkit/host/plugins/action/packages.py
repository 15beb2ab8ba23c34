# SPDX-License-Identifier: MIT
"""Install Debian packages; skip apt when dpkg's records show that none is missing."""

from __future__ import annotations

import re
import shlex
import time

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

ARGUMENTS = {"name": {"type": "list", "elements": "str", "required": True}}
CACHE_VALID = 3600
"""Seconds that apt's package lists stay valid."""
LOCK_TIMEOUT = 300
"""Seconds to wait for another apt or dpkg."""
LOCK_POLL = 5
"""Seconds between two attempts."""
# Packages that apt installed as dependencies, and that it may remove.
AUTOMATIC = re.compile(r"^Package: (\S+)\nArchitecture: \S+\nAuto-Installed: 1$", re.MULTILINE)
AVAILABLE = re.compile(r"^(\S+):\n(?:  .*\n)*?  Candidate: (?!\(none\))", re.MULTILINE)
# The module waits for dpkg's lock and for that of the package lists, but apt-get doesn't for that of the downloads.
LOCKED = re.compile(r"Could not get lock (\S*?)\.? |Unable to lock directory (\S+)")


class ActionModule(ActionBase):
    """Ansible's entry point."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp=None, task_vars=None):
        """Install what is missing."""
        result = super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(argument_spec=ARGUMENTS)
        names = args["name"]
        # dpkg-query fails on a name that it doesn't know, after it has printed the others.
        query = shlex.join(["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\\n", *names])
        missing = missing_packages(names, self._output(f"{query}; cat /var/lib/apt/extended_states"))
        result["changed"] = bool(missing)
        if missing and self._task.check_mode:
            # On a fresh host apt knows no packages, and in check mode it doesn't fetch its lists.
            result["diff"] = {"prepared": f"Packages to install: {', '.join(missing)}\n"}
        elif missing:
            result.update(self._install(names, missing, task_vars))
        return {**result, "missing": missing}

    def _install(self, names, missing, task_vars):
        """Return apt's result. Wait while another apt is downloading."""
        known = available_packages(self._output(shlex.join(["env", "LC_ALL=C", "apt-cache", "policy", *missing])))
        apt = {
            "name": names,
            "install_recommends": False,
            "update_cache": True,
            # apt goes by the age of the lists' directory, which is fresh on a new host without lists.
            "cache_valid_time": CACHE_VALID if known.issuperset(missing) else 0,
            "lock_timeout": LOCK_TIMEOUT,
        }
        deadline = time.monotonic() + LOCK_TIMEOUT
        while True:
            result = self._execute_module("ansible.builtin.apt", apt, task_vars=task_vars)
            locked = LOCKED.search(str(result.get("msg", ""))) if result.get("failed") else None
            if not locked or time.monotonic() >= deadline:
                return result
            Display().display(f"waiting for another apt, which holds {locked[1] or locked[2]}")
            time.sleep(LOCK_POLL)

    def _output(self, command):
        answer = self._low_level_execute_command(command)
        Display().vvv(f"{command}: {answer['stderr']}")
        return answer["stdout"]


def missing_packages(names: list[str], records: str) -> list[str]:
    """Return those of `names` that aren't installed on request.

    `records`: the output of dpkg-query and apt's extended states.
    """
    installed = {line.removesuffix(" installed") for line in records.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in installed - set(AUTOMATIC.findall(records))]


def available_packages(policy: str) -> set[str]:
    """Return the names of the packages that apt can install, from the output of `apt-cache policy`."""
    return set(AVAILABLE.findall(policy))
