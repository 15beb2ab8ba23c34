# SPDX-License-Identifier: MIT
"""Why ssh can't reach a host, and what to do about it."""

from __future__ import annotations

CHANGED = "REMOTE HOST IDENTIFICATION HAS CHANGED"
ADVICE = {
    CHANGED: (
        "the host has another key than before. If you have made it again, `ssh-keygen -R {address}`; else find out who"
        " answers before you log in"
    ),
    "Host key verification failed": (
        "its host key isn't known. `ssh {address}` shows it: compare it with the one in the instance's console, and"
        " accept it (docs/setup/instance.md)"
    ),
    "Permission denied": (
        "it accepts neither the user nor the key. Check ansible_user, and that `ssh {address}` asks for no password"
    ),
    "Connection timed out": (
        "port 22 doesn't answer. Check that it runs, and that ssh_allowed_cidrs, the cloud's security group, has your"
        " network"
    ),
    "Connection refused": "it runs, but nothing listens on the port of ssh. Check ansible_port",
    "Could not resolve hostname": "the name has no address. Set ansible_host to the host's address",
}
"""By what ssh says; the first that fits counts."""


def advice(message: str, address: str) -> str:
    """Return the cause and the remedy for what ssh says; empty if it is none that is known."""
    return next((text.format(address=address) for said, text in ADVICE.items() if said in message), "")
