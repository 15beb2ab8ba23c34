# SPDX-License-Identifier: MIT
"""Whether the hosts have what a deployment needs, as the summary shows it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: readiness_report
short_description: Summarise what the hosts lack for a deployment
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Returns the lines for M(listkit.kit.run_summary), each with the name of its host.
options:
  _input:
    description: Names of hosts in the inventory.
    type: list
    elements: str
    required: true
  hostvars:
    description: >-
      The magic variable C(hostvars). C(site_readiness) has the result of M(listkit.host.readiness_info) for each host
      that was looked at.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Summarise the run
  listkit.kit.run_summary:
    failures: "{{ (ansible_play_hosts_all | listkit.kit.readiness_report(hostvars)).failures }}"
"""

RETURN = r"""
_value:
  description: The lines V(warnings) and V(failures).
  type: dict
"""


def readiness_report(hosts, hostvars):
    """Return what to say about the hosts that were looked at."""
    results = {host: hostvars[host].get("site_readiness", {}) for host in hosts}
    return {
        "warnings": [f"{host}: {line}" for host, result in results.items() for line in result.get("notices", ())],
        "failures": [f"{host}: {line}" for host, result in results.items() for line in _failures(result)],
    }


def _failures(result):
    """Return the problems, or why the module failed; one that was skipped has neither."""
    return result.get("problems", [result["msg"]] if "msg" in result else [])


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filters of this file by name."""
        return {"readiness_report": readiness_report}
