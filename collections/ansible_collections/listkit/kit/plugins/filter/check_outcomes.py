# SPDX-License-Identifier: MIT
"""Turn the results of `listkit check` into what the summary shows."""

from __future__ import annotations

DOCUMENTATION = r"""
name: check_outcomes
short_description: Turn the results of C(listkit check) into what the summary shows
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Returns an entry for M(listkit.kit.run_summary) for each host that was checked.
options:
  _input:
    description: Names of hosts in the inventory.
    type: list
    elements: str
    required: true
  hostvars:
    description: The magic variable C(hostvars). The role C(check) registers C(check_result) for each host.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Summarise the run
  listkit.kit.run_summary:
    checks: "{{ ansible_play_hosts_all | listkit.kit.check_outcomes(hostvars) }}"
"""

RETURN = r"""
_value:
  description: V(host), V(passed) and V(report) of each host that was checked. A warning passes.
  type: list
  elements: dict
"""

PASSED = (0, 1)
"""Exit statuses of `listkit check`: ok and warning."""


def check_outcomes(hosts, hostvars):
    """Return the outcomes of the hosts that were checked."""
    results = {host: hostvars[host].get("check_result", {}) for host in hosts}
    return [
        {"host": host, "passed": result["rc"] in PASSED, "report": _attention(result)}
        for host, result in results.items()
        if "rc" in result
    ]


def _attention(result):
    """Return the findings that are not ok, with their remedies; nothing else was asked for."""
    lines = f"{result['stdout']}\n{result['stderr']}".splitlines()
    return "\n".join(line for line in lines if line.strip() and not line.startswith(("ok ", "OK:")))


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filter by name."""
        return {"check_outcomes": check_outcomes}
