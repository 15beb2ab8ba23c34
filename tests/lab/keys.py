"""The lab's ssh keys: one pair that logs in, one that every host shows.

All hosts share one host key, so that a single line of `known_hosts` holds for every host there will ever be, and strict
host key checking stays on.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from lab import places
from lab.commands import locked, run


@dataclass(frozen=True)
class Keys:
    """Paths of the key material."""

    directory: Path

    @property
    def login(self) -> Path:
        """The private key that may log in as `debian`."""
        return self.directory / "id_ed25519"

    @property
    def host(self) -> Path:
        """The private key that every host shows."""
        return self.directory / "host_key"

    @property
    def known_hosts(self) -> Path:
        """The file for ssh's `UserKnownHostsFile`."""
        return self.directory / "known_hosts"


def ensure() -> Keys:
    """Return the keys, making them on first use."""
    keys = Keys(places.cache() / "ssh")
    with locked(places.cache() / "ssh.lock"):
        if not keys.known_hosts.exists():
            _make(keys)
    return keys


def public(private: Path) -> str:
    """The public half of a key, as one line."""
    return private.with_name(private.name + ".pub").read_text().strip()


def _make(keys: Keys) -> None:
    keys.directory.mkdir(parents=True, exist_ok=True)
    for path in (keys.login, keys.host):
        path.unlink(missing_ok=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", path)
    keys.known_hosts.write_text(f"* {' '.join(public(keys.host).split()[:2])}\n")
    _give_to_caller(keys.directory)


def _give_to_caller(directory: Path) -> None:
    """Under sudo, let the user who typed it use the keys: ansible runs as that user."""
    if "SUDO_UID" in os.environ:
        owner = int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"])
        for path in (directory, *directory.iterdir()):
            os.chown(path, *owner)
