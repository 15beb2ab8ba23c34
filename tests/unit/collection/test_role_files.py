"""The lookup that lists what roles install."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError
from ansible_collections.listkit.kit.plugins.lookup import role_files
from ansible_run import KIT


@pytest.fixture(autouse=True)
def roles_path(monkeypatch):
    monkeypatch.setattr("ansible.constants.DEFAULT_ROLES_PATH", [str(KIT / "roles")])


def test_templates_are_listed_with_their_paths_on_the_host():
    [found] = role_files.LookupModule().run(["relay", "bridge"])
    assert "/etc/postfix/main.cf" in found
    assert "/etc/listkit/bridge.json" in found
    assert found == sorted(found)


def test_an_unknown_role_is_refused():
    with pytest.raises(AnsibleError, match="'relais'"):
        role_files.LookupModule().run(["relais"])


def test_without_names_all_roles_are_listed():
    [found] = role_files.LookupModule().run([])
    assert {"/etc/postfix/main.cf", "/etc/listkit/bridge.json", "/etc/systemd/system/listkit-tunnel.service"} <= set(
        found
    )
