# SPDX-License-Identifier: MIT
"""End a run with a summary."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.listkit.kit.plugins.plugin_utils.run_summary import HostCheck, summary

CHECK = {
    "host": {"type": "str", "required": True},
    "passed": {"type": "bool", "required": True},
    "report": {"type": "str", "default": ""},
}
ARGUMENTS = {
    "warnings": {"type": "list", "elements": "str", "default": []},
    "failures": {"type": "list", "elements": "str", "default": []},
    "lists": {"type": "dict", "default": {}},
    "dns": {"type": "str", "default": ""},
    "aliases": {"type": "str", "default": ""},
    "plan_assumed": {"type": "bool", "default": False},
    "forecast": {"type": "str", "default": ""},
    "checks": {"type": "list", "elements": "dict", "default": [], "options": CHECK},
}


class ActionModule(ActionBase):
    """Ansible's entry point."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Show the summary; fail if a check failed, or something was not done."""
        result = super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(argument_spec=ARGUMENTS)
        checks = [HostCheck(item["host"], item["passed"], item["report"]) for item in args.pop("checks")]
        result["msg"] = summary(**args, checks=checks, check_mode=self._task.check_mode)
        result["changed"] = False
        # The callback then shows the message at every verbosity.
        result["_ansible_verbose_always"] = True
        if args["failures"] or not all(check.passed for check in checks):
            result["failed"] = True
        return result
