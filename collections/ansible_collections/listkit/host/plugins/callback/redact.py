# SPDX-License-Identifier: MIT
"""Hide the values of secret variables in all that Ansible prints or logs."""

from __future__ import annotations

DOCUMENTATION = r"""
name: redact
type: aggregate
short_description: Hide the values of secret variables in all output
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Collects the values of variables and dictionary keys with the names of secrets, and hides them wherever they would
    be printed or logged, at every verbosity and in diffs.
  - Does not know values that are created during a run, and cannot hide values of fewer than 6 characters.
options:
  names:
    description: Regular expression for the names of secret variables and keys.
    type: str
    default: (?i)(password|passwd|secret|token|api_key|private_key)(?!.*_(file|path|directory|length)$)
    env:
      - name: LISTS_REDACT_NAMES
    ini:
      - section: callback_redact
        key: names
requirements:
  - Enabling in the configuration, C(callbacks_enabled = listkit.host.redact).
"""

import contextlib
import re

from ansible.errors import AnsibleError
from ansible.plugins.callback import CallbackBase
from ansible.template import Templar
from ansible.utils.display import Display
from ansible_collections.listkit.host.plugins.plugin_utils.redaction import Redactor

# They repeat the other variables, or have no data of the operator.
NOT_COLLECTED = frozenset(("vars", "hostvars", "groups", "group_names", "omit"))


class CallbackModule(CallbackBase):
    """Ansible's entry point.

    All that any callback, connection or worker process displays or logs passes through `Display.display` of the main
    process, which is wrapped.
    """

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "listkit.host.redact"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        self._redactor = None
        self._evaluated = {}
        self._wrap_display()

    def set_options(self, *args, **kwargs):
        """Read the pattern of names."""
        super().set_options(*args, **kwargs)
        try:
            names = re.compile(self.get_option("names"))
        except re.error as error:
            raise AnsibleError(f"callback_redact: names is not a valid regular expression: {error}") from error
        self._redactor = Redactor(names)

    def v2_playbook_on_play_start(self, play):
        """Collect the secrets of every host of the play."""
        manager = play.get_variable_manager()
        for host in manager._inventory.get_hosts(play.hosts):
            try:
                variables = manager.get_vars(play=play, host=host, include_hostvars=False)
            except AnsibleError:
                return  # the play fails with the same error
            templar = Templar(loader=manager._loader, variables=variables)
            for name in set(variables) - NOT_COLLECTED:
                self._learn(host.name, templar, name, variables[name])

    def _learn(self, host, templar, name, source):
        # Evaluating hundreds of variables takes a second, and most are the same in every play.
        if self._evaluated.get((host, name)) == source and not self._redactor.is_secret(name):
            return
        value = source
        # A value that can't be evaluated before the run may still contain a literal secret.
        with contextlib.suppress(AnsibleError):
            value = templar.template(source)
            self._evaluated[host, name] = source
        self._redactor.learn(name, value)

    def _wrap_display(self):
        original = Display.display

        def display(this, msg, *args, **kwargs):
            if self._redactor and isinstance(msg, str):
                msg = self._redactor.redact(msg)
            return original(this, msg, *args, **kwargs)

        Display.display = display
