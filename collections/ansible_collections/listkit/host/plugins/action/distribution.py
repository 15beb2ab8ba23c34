# SPDX-License-Identifier: MIT
"""Find out which distribution a host runs: the file /etc/os-release says it."""

from __future__ import annotations

import shlex

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Ansible's entry point."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Read it and name it as Ansible's own facts do."""
        result = super().run(tmp, task_vars)
        self.validate_argument_spec(argument_spec={})
        answer = self._low_level_execute_command("cat /etc/os-release")
        if answer["rc"]:
            said = (answer["stderr"] or answer["stdout"]).strip()
            return {**result, "failed": True, "msg": f"the host doesn't say what it runs: {said}"}
        return {**result, "changed": False, "ansible_facts": facts_of(answer["stdout"])}


def facts_of(os_release: str) -> dict[str, str]:
    """Return the facts in the text of an os-release file; a distribution without releases has empty versions."""
    values = dict(word.partition("=")[::2] for word in shlex.split(os_release, comments=True))
    version = values.get("VERSION_ID", "")
    return {
        "ansible_distribution": values.get("NAME", "Linux").split()[0],
        "ansible_distribution_version": version,
        "ansible_distribution_major_version": version.partition(".")[0],
    }
