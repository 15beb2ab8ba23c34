"""The modules of listkit.infomaniak against the stand-in API, in one process and with a clock that doesn't wait."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.listkit.infomaniak.plugins.module_utils import api_module
from ansible_collections.listkit.infomaniak.plugins.module_utils.client import Client
from module_run import HOSTING, Clock, Failed

from infomaniak_api import StandInApi
from infomaniak_api.account import Account, Hosting, Mailbox, Zone
from infomaniak_api.server import TOKEN


@pytest.fixture
def clock() -> Clock:
    """The one time of client and server."""
    return Clock()


@pytest.fixture
def api(clock):
    """A customer with one mailbox, one zone, and a mailbox on the free plan's mail hosting 1."""
    paid = Hosting(HOSTING, "example.org", mailboxes={"mailman": Mailbox("mailman"), "catchall": Mailbox("catchall")})
    free = Hosting(1, "example.com", alias_limit=1, mailboxes={"mailman": Mailbox("mailman")})
    account = Account({HOSTING: paid, 1: free}, {"example.org": Zone("example.org")})
    with StandInApi(account, clock) as stand_in:
        yield stand_in


@pytest.fixture
def mailbox(api) -> Mailbox:
    """The mailbox that most tests change."""
    return api.account.hostings[HOSTING].mailboxes["mailman"]


@pytest.fixture
def client(api, clock) -> Client:
    """A client with the right token."""
    return Client(api.url, TOKEN, timeout=5, wait=300, clock=clock, sleep=clock.sleep)


@pytest.fixture
def run(api, clock, monkeypatch, capsys) -> Callable[..., dict[str, Any]]:
    """Run a module's main as Ansible does: `run(mail_alias, aliases=[…])`; raises Failed when it fails."""
    warnings: list[str] = []
    monkeypatch.setattr(basic.AnsibleModule, "warn", lambda _self, text: warnings.append(text))
    monkeypatch.setattr(api_module, "Client", lambda *options: Client(*options, clock=clock, sleep=clock.sleep))

    def run_module(module: ModuleType, check: bool = False, **options: Any) -> dict[str, Any]:
        options = {"api_url": api.url, "api_token": TOKEN, "_ansible_check_mode": check, **options}
        arguments = {name: value for name, value in options.items() if value is not None}
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", None)
        with patch_module_args(arguments), pytest.raises(SystemExit):
            module.main()
        result = json.loads(capsys.readouterr().out)
        if result.get("failed"):
            raise Failed(result)
        result["warnings"] = warnings[:]
        warnings.clear()
        return result

    return run_module
