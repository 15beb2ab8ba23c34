# SPDX-License-Identifier: MIT
"""Say why a host can't be reached, and what to do."""

from __future__ import annotations

DOCUMENTATION = r"""
name: unreachable_hosts
type: notification
short_description: Say why a host can't be reached, and what to do
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Ansible shows the words of ssh. They differ for an unknown host key, a refused login and a port that doesn't answer.
requirements:
  - Enabling in the configuration, C(callbacks_enabled = listkit.kit.unreachable_hosts).
"""

from ansible.plugins.callback import CallbackBase
from ansible_collections.listkit.kit.plugins.plugin_utils.unreachable import advice


class CallbackModule(CallbackBase):
    """Ansible's entry point."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "listkit.kit.unreachable_hosts"
    CALLBACK_NEEDS_ENABLED = True

    def v2_runner_on_unreachable(self, result):
        """Name the cause and the remedy below Ansible's error."""
        host = result._host
        address = str(host.vars.get("ansible_host", host.name))
        if found := advice(str(result._result.get("msg", "")), address):
            self._display.error(f"{host.name}: {found}", wrap_text=False)
