# SPDX-License-Identifier: MIT
"""Detect a host's distribution from /etc/os-release."""

from __future__ import annotations

import shlex

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Ansible's entry point."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Return the facts, named as Ansible's own."""
        result = super().run(tmp, task_vars)
        self.validate_argument_spec(argument_spec={})
        answer = self._low_level_execute_command("cat /etc/os-release")
        if answer["rc"]:
            reason = (answer["stderr"] or answer["stdout"]).strip()
            return {**result, "failed": True, "msg": f"cannot detect the distribution: {reason}"}
        return {**result, "changed": False, "ansible_facts": facts_of(answer["stdout"])}


def facts_of(os_release: str) -> dict[str, str]:
    """Return the facts in the text of an os-release file; the versions of a rolling distribution are empty."""
    values = dict(word.partition("=")[::2] for word in shlex.split(os_release, comments=True))
    version = values.get("VERSION_ID", "")
    return {
        "ansible_distribution": values.get("NAME", "Linux").split()[0],
        "ansible_distribution_version": version,
        "ansible_distribution_major_version": version.partition(".")[0],
    }
