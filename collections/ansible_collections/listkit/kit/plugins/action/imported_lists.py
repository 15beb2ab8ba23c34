# SPDX-License-Identifier: MIT
"""Turn the lists of another system into declarations, on the control machine."""

from __future__ import annotations

from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.listkit.kit.plugins.plugin_utils import operator_rules
from ansible_collections.listkit.kit.plugins.plugin_utils.importing import declaring, reading
from ansible_collections.listkit.kit.plugins.plugin_utils.importing.description import CannotImport
from ansible_collections.listkit.kit.plugins.plugin_utils.problem import listing

ARGUMENTS = {
    "source": {"type": "str", "required": True, "choices": reading.SOURCES},
    "paths": {"type": "list", "elements": "path", "default": []},
    "infomaniak_lists": {"type": "list", "elements": "dict", "default": []},
    "name": {"type": "str", "default": ""},
    "only": {"type": "list", "elements": "str", "default": []},
    "domain": {"type": "str", "required": True},
    "defaults": {"type": "dict", "default": {}},
    "declared": {"type": "list", "elements": "dict", "default": []},
    "live": {"type": "list", "elements": "dict", "default": []},
    "directory": {"type": "path", "required": True},
}


class ActionModule(ActionBase):
    """Ansible's entry point."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Read the source; return the declarations, the files to write and the report."""
        result = super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(argument_spec=ARGUMENTS)
        directory = Path(args["directory"])
        try:
            found = reading.descriptions(
                *(args[name] for name in ("source", "paths", "infomaniak_lists", "name", "only"))
            )
            earlier = reading.earlier_members(directory)
        except (CannotImport, OSError) as error:
            raise AnsibleActionFail(str(error)) from error
        others = (args[name] for name in ("domain", "defaults", "declared", "live"))
        lists = declaring.imported(found, *others, earlier)
        declared = declaring.mailman_lists(lists, args["declared"], args["domain"])
        problems = operator_rules.problems_of({"mailman_lists": declared, "mailman_domain": args["domain"]})
        if problems:
            raise AnsibleActionFail(listing(problems))
        report = [line for one in lists for line in one.lines()]
        texts = reading.texts(lists, declared, report, directory)
        result.update(
            changed=False,
            mailman_lists=declared,
            declarations=[one.declaration() for one in lists if not one.is_skipped],
            files=[{"path": str(path), "content": text} for path, text in texts.items()],
            report=report,
        )
        return result
