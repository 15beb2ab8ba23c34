# SPDX-License-Identifier: MIT
"""Install Debian packages; where they are all there, dpkg's own records say so."""

from __future__ import annotations

import re
import shlex

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

ARGUMENTS = {"name": {"type": "list", "elements": "str", "required": True}}
# Seconds: how old apt's lists may be, and how long another apt may hold its lock.
CACHE_VALID, LOCK_TIMEOUT = 3600, 300
# What apt knows of packages that nobody asked for, and that it may remove again.
AUTOMATIC = re.compile(r"^Package: (\S+)\nArchitecture: \S+\nAuto-Installed: 1$", re.MULTILINE)


class ActionModule(ActionBase):
    """Ansible's entry point."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp=None, task_vars=None):
        """Look; leave what is wanting to apt."""
        result = super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(argument_spec=ARGUMENTS)
        # dpkg-query fails when it doesn't know one of the names, and still tells of the others.
        query = shlex.join(["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\\n", *args["name"]])
        answer = self._low_level_execute_command(f"{query}; cat /var/lib/apt/extended_states")
        missing = missing_packages(args["name"], answer["stdout"])
        if missing:
            Display().vvv(f"dpkg and apt say: {answer['stderr']}")
        result["changed"] = bool(missing)
        if missing and self._task.check_mode:
            # On a fresh host apt knows no package at all, and in check mode it doesn't fetch its lists.
            result["diff"] = {"prepared": f"Packages to install: {', '.join(missing)}\n"}
        elif missing:
            apt = {
                "name": args["name"],
                "install_recommends": False,
                "update_cache": True,
                "cache_valid_time": CACHE_VALID,
                "lock_timeout": LOCK_TIMEOUT,
            }
            result.update(self._execute_module("ansible.builtin.apt", apt, task_vars=task_vars))
        return {**result, "missing": missing}


def missing_packages(names: list[str], records: str) -> list[str]:
    """Return which of `names` aren't installed for good; `records`: what dpkg-query and apt's records say."""
    installed = {line.removesuffix(" installed") for line in records.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in installed - set(AUTOMATIC.findall(records))]
