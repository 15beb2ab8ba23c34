# SPDX-License-Identifier: MIT
"""The sandbox of a systemd service."""

from __future__ import annotations

DOCUMENTATION = r"""
name: sandbox
short_description: Return the directives that confine a systemd service
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Returns lines for the section C([Service]) of a unit or of a drop-in. They forbid everything that a network service
    does not need; the input names what this service needs in spite of that.
  - In a drop-in, they replace what the unit itself says about the same directives.
options:
  _input:
    description:
      - >-
        Directives that differ, for example V({ReadWritePaths: /var/lib/example}). A list becomes a line for each
        element.
      - >-
        V(null), such as in V({MemoryDenyWriteExecute: null}), leaves the directive out.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: In the template of a unit
  ansible.builtin.debug:
    msg: "{{ {'User': 'list', 'ReadWritePaths': '/var/lib/mailman3'} | listkit.host.sandbox }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: str
"""

from ansible.errors import AnsibleFilterError

DIRECTIVES = {
    "UMask": "0077",
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "PrivateMounts": "yes",
    "ProtectClock": "yes",
    "ProtectControlGroups": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectProc": "invisible",
    "ProcSubset": "pid",
    "RemoveIPC": "yes",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "SystemCallArchitectures": "native",
    "SystemCallFilter": ["@system-service", "~@privileged @resources"],
    "SystemCallErrorNumber": "EPERM",
}
FURTHER = (
    "User",
    "Group",
    "SupplementaryGroups",
    "IPAddressAllow",
    "IPAddressDeny",
    "PrivateNetwork",
    "PrivateUsers",
    "ReadWritePaths",
)
# A second line adds to the first, so a drop-in has to empty them.
LISTS = ("CapabilityBoundingSet", "AmbientCapabilities", "RestrictAddressFamilies", "SystemCallFilter")


def sandbox(exceptions):
    """Return the lines of the sandbox with these exceptions."""
    unknown = sorted(exceptions.keys() - DIRECTIVES.keys() - set(FURTHER))
    if unknown:
        raise AnsibleFilterError(f"{', '.join(unknown)}: not a directive of the sandbox, such as ReadWritePaths")
    return "\n".join(line for name, value in ({**DIRECTIVES, **exceptions}).items() for line in _lines(name, value))


def _lines(name, value):
    """Yield the lines of one directive; `value` is a text, a list, or None."""
    if value is None:
        return
    values = [value] if isinstance(value, str) else list(value)
    if name in LISTS and values != [""]:
        values.insert(0, "")
    yield from (f"{name}={value}" for value in values)


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filters of this file by name."""
        return {"sandbox": sandbox}
