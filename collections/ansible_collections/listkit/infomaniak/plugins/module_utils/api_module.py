# SPDX-License-Identifier: MIT
"""Common parts of the modules for Infomaniak's API: options, connection, answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule, env_fallback
from ansible_collections.listkit.infomaniak.plugins.module_utils.client import ApiError, Client, NotApplied, segment
from ansible_collections.listkit.infomaniak.plugins.module_utils.errors import TOKENS
from ansible_collections.listkit.infomaniak.plugins.module_utils.names import local_part

# Documented in doc_fragments/api.py.
ARGUMENTS = {
    "api_token": {"type": "str", "no_log": True, "fallback": (env_fallback, ["INFOMANIAK_TOKEN"])},
    "api_url": {
        "type": "str",
        "default": "https://api.infomaniak.com",
        "fallback": (env_fallback, ["INFOMANIAK_HOST"]),
    },
    "api_timeout": {"type": "int", "default": 30},
    "api_wait": {"type": "int", "default": 300},
}
# Documented in the fragments hosting, mailbox and zone.
HOSTING_ARGUMENTS = {"mail_hosting": {"type": "int", "required": True}}
MAILBOX_ARGUMENTS = {**HOSTING_ARGUMENTS, "mailbox": {"type": "str", "required": True}}


@dataclass
class Outcome:
    """The state before and after, as the diff shows it, and what the module returns besides."""

    before: Any = None
    after: Any = None
    results: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


class Incomplete(Exception):
    """The module stopped half-way; `outcome` is what it had done."""

    def __init__(self, message: str, outcome: Outcome):
        super().__init__(message)
        self.outcome = outcome


ZONE_ARGUMENTS = {"zone": {"type": "str", "required": True}}
# Where a test's server may be asked without encryption.
LOOPBACK = ("127.0.0.1", "::1", "localhost")

Converge = Callable[[AnsibleModule, Client], Outcome]


def connect(params: dict[str, Any]) -> Client:
    """Return a client for a module's `params`; raise ValueError when the token can't be one."""
    token = params["api_token"]
    if not token:
        raise ValueError(
            "api_token: no API token is set. Put it in the vault, or in the environment variable INFOMANIAK_TOKEN; "
            f"make one at {TOKENS} as an administrator, with the scope mail, and domain for DNS."
        )
    if not token.isascii() or any(character.isspace() for character in token):
        raise ValueError("api_token: an API token has no spaces, line breaks or accents; copy it again.")
    url = urlsplit(params["api_url"])
    if url.scheme != "https" and not (url.scheme == "http" and url.hostname in LOOPBACK):
        raise ValueError(
            f"api_url: {params['api_url']!r} must begin with https://, so that the token is encrypted on its way"
        )
    return Client(params["api_url"], token, params["api_timeout"], params["api_wait"])


def run(module: AnsibleModule, converge: Converge) -> None:
    """Run `converge` and end the module with its outcome."""
    try:
        client = connect(module.params)
        _run_with(client, module, converge)
    except ApiError as error:
        module.fail_json(msg=str(error), status=error.status)
    except (NotApplied, ValueError) as error:
        module.fail_json(msg=str(error))


def _run_with(client: Client, module: AnsibleModule, converge: Converge) -> None:
    try:
        outcome = converge(module, client)
    except Incomplete as error:
        module.fail_json(msg=str(error), **_answer(error.outcome, client))
    else:
        for warning in outcome.warnings:
            module.warn(warning)
        module.exit_json(**_answer(outcome, client))


def read(module: AnsibleModule, find: Callable[[AnsibleModule, Client], dict[str, Any]]) -> None:
    """Run `find`, which changes nothing, and end the module with what it returns."""
    run(module, lambda module, client: Outcome(results=find(module, client)))


def _answer(outcome: Outcome, client: Client) -> dict[str, Any]:
    answer = {"changed": outcome.before != outcome.after, "requests": client.requests, **outcome.results}
    if outcome.before is not None:
        answer["diff"] = {"before": _diffable(outcome.before), "after": _diffable(outcome.after)}
    return answer


def _diffable(state: Any) -> Any:
    """Return a state as Ansible shows it line by line: a list as lines."""
    return "".join(f"{line}\n" for line in state) if isinstance(state, list) else state


def mailbox_path(params: dict[str, Any]) -> str:
    """Return the path of the mailbox that a module's `params` name; raise ValueError for a full address."""
    return f"{hosting_path(params)}/mailboxes/{segment(local_part('mailbox', params['mailbox']))}"


def hosting_path(params: dict[str, Any]) -> str:
    """Return the path of the mail hosting that a module's `params` name."""
    return f"/1/mail_hostings/{params['mail_hosting']}"


def zone(params: dict[str, Any]) -> str:
    """Return the name of the zone that a module's `params` name."""
    return params["zone"].strip().lower().removesuffix(".")
