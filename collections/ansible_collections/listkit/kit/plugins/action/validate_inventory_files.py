# SPDX-License-Identifier: MIT
"""Check that the inventory can be read as it is written, and has the host."""

from __future__ import annotations

from ansible import constants as C
from ansible import context
from ansible.plugins.action import ActionBase
from ansible_collections.listkit.kit.plugins.plugin_utils import inventory_files
from ansible_collections.listkit.kit.plugins.plugin_utils.problem import Problem, listing

HOST = "mailman"
HOST_EXAMPLE = f"{HOST} ansible_host=192.0.2.10 ansible_user=debian"


class ActionModule(ActionBase):
    """Ansible's entry point."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Collect the problems; fail with all of them."""
        result = super().run(tmp, task_vars)
        self.validate_argument_spec(argument_spec={})
        files = inventory_files.source_files(context.CLIARGS.get("inventory") or C.DEFAULT_HOST_LIST)
        yaml_files = [path for path in files if path.suffix in inventory_files.YAML_SUFFIXES]
        problems = [
            *(problem for path in files if inventory_files.is_ini(path) for problem in _ini_problems(path)),
            *inventory_files.unreadable(self._loader, yaml_files),
            *_missing_host(task_vars["groups"]),
        ]
        result["changed"] = False
        if problems:
            result.update(failed=True, msg=listing(problems))
        return result


def _ini_problems(path):
    text = path.read_text(encoding="utf-8", errors="replace")
    return inventory_files.ini_problems(inventory_files.shown(path), text)


def _missing_host(groups):
    if not groups.get(HOST) and HOST not in groups["all"]:
        wrong = "The inventory has no host called mailman: copy inventory.example to inventory, or name yours with -i"
        yield Problem("inventory", wrong, HOST_EXAMPLE)
