# SPDX-License-Identifier: MIT
"""Name the file and the line of an error in the inventory's variables."""

from __future__ import annotations

DOCUMENTATION = r"""
name: inventory_errors
type: notification
short_description: Name the file and the line of an error in group_vars and host_vars
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Ansible ends with the error alone, before the first task.
requirements:
  - Enabling in the configuration, C(callbacks_enabled = listkit.kit.inventory_errors).
"""

from pathlib import Path

from ansible import constants as C
from ansible import context
from ansible.plugins.callback import CallbackBase
from ansible_collections.listkit.kit.plugins.plugin_utils import inventory_files


class CallbackModule(CallbackBase):
    """Ansible's entry point."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "listkit.kit.inventory_errors"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._checked = False

    def v2_playbook_on_play_start(self, play):
        """Check the files before Ansible needs their variables."""
        if self._checked:
            return
        self._checked = True
        manager = play.get_variable_manager()
        inventory, loader = manager._inventory, manager._loader
        sources = inventory_files.source_files(context.CLIARGS.get("inventory") or C.DEFAULT_HOST_LIST)
        folders = [Path(loader.get_basedir()), *(source.parent for source in sources)]
        names = {*inventory.groups, *inventory.hosts}
        for problem in inventory_files.unreadable(loader, inventory_files.variable_files(folders, names)):
            self._display.error(str(problem), wrap_text=False)
