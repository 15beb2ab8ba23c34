# SPDX-License-Identifier: MIT
"""Common parts of the modules for Mailman's REST interface: connect, converge, answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.mailman3.plugins.module_utils.changes import Change, Incomplete
from ansible_collections.listkit.mailman3.plugins.module_utils.mailing_lists import loss
from ansible_collections.listkit.mailman3.plugins.module_utils.rest import Api, EmptyApi, RestError, Unreachable

Converge = Callable[[AnsibleModule, Api], tuple[list[Change], dict[str, Any]]]


def run(module: AnsibleModule, converge: Converge) -> None:
    """Run `converge`, which returns the changes and further results, and end the module."""
    try:
        changes, results = converge(module, _connect(module))
    except (RestError, ValueError) as error:
        module.fail_json(msg=str(error))
    except Incomplete as error:
        module.fail_json(msg=str(error), **_outcome(module, error.changes), **error.results)
    module.exit_json(**_outcome(module, changes), **results)


def _outcome(module: AnsibleModule, changes: list[Change]) -> dict[str, Any]:
    done = [change for change in changes if change]
    for change in done:
        if change.removed and "held_messages" in change.before:
            module.warn(_loss(change, module.check_mode))
    return {"changed": bool(done), "diff": [change.diff() for change in done]}


def _loss(change: Change, check: bool) -> str:
    return f"{change.what}: {'would remove' if check else 'removed'} {loss(change.before)}"


def _connect(module: AnsibleModule) -> Api:
    try:
        return Api.of(module.params, wait=not module.check_mode)
    except Unreachable as error:
        if not module.check_mode:
            raise
        module.warn(f"{error}; this check assumes a Mailman without lists")
        return EmptyApi()
