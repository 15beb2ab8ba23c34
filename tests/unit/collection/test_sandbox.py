"""listkit.host.sandbox: one sandbox for every service, with the exceptions named."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.listkit.host.plugins.filter.sandbox import DIRECTIVES, sandbox


def test_without_exceptions_everything_is_forbidden():
    lines = sandbox({}).splitlines()
    assert {line.partition("=")[0] for line in lines} == set(DIRECTIVES)
    assert "CapabilityBoundingSet=" in lines
    assert "ProtectSystem=strict" in lines


def test_an_exception_replaces_a_directive():
    lines = sandbox({"UMask": "0027", "User": "list", "ProcSubset": None}).splitlines()
    assert "UMask=0027" in lines and "UMask=0077" not in lines
    assert "User=list" in lines
    assert not any(line.startswith("ProcSubset") for line in lines)


def test_in_a_drop_in_a_list_replaces_the_units_own():
    lines = sandbox({"CapabilityBoundingSet": "CAP_NET_ADMIN"}).splitlines()
    first = lines.index("CapabilityBoundingSet=")
    assert lines[first + 1] == "CapabilityBoundingSet=CAP_NET_ADMIN"
    first = lines.index("SystemCallFilter=")
    assert lines[first + 1 : first + 3] == [f"SystemCallFilter={value}" for value in DIRECTIVES["SystemCallFilter"]]


def test_a_misspelt_directive_is_refused():
    with pytest.raises(AnsibleFilterError, match="ReadWritePath: not a directive of the sandbox"):
        sandbox({"ReadWritePath": "/var"})
