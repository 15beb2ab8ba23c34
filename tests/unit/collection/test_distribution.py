"""listkit.host.distribution: the same facts as Ansible's own."""

from __future__ import annotations

import pytest
from ansible_collections.listkit.host.plugins.action.distribution import facts_of

TRIXIE = """\
PRETTY_NAME="Debian GNU/Linux 13 (trixie)"
NAME="Debian GNU/Linux"
VERSION_ID="13"
VERSION="13 (trixie)"
ID=debian
"""


@pytest.mark.parametrize(
    ("os_release", "expected"),
    [
        (TRIXIE, ("Debian", "13", "13")),
        ("# what it is\nNAME=Ubuntu\nVERSION_ID='24.04'\n", ("Ubuntu", "24.04", "24")),
        ('NAME="Debian GNU/Linux"\nVERSION_CODENAME=sid\n', ("Debian", "", "")),
    ],
)
def test_what_a_host_says_of_itself(os_release, expected):
    assert tuple(facts_of(os_release).values()) == expected


def test_the_same_as_ansible_s_own_facts(playbooks):
    names = ["distribution", "distribution_major_version"]
    told = {"msg": "{{ " + " ~ '/' ~ ".join(f"ansible_facts['{name}']" for name in names) + " }}"}
    tasks = [
        {"name": "Ours", "listkit.host.distribution": {}},
        {"name": "Show", "ansible.builtin.debug": told},
        {"name": "Forget", "ansible.builtin.meta": "clear_facts"},
        {"name": "Theirs", "ansible.builtin.setup": {"gather_subset": ["!all", "!min", "distribution"]}},
        {"name": "Show", "ansible.builtin.debug": told},
    ]
    run = playbooks.run(tasks)
    ours, theirs = [line for line in run.output.splitlines() if "msg:" in line]
    assert ours == theirs, run.output
