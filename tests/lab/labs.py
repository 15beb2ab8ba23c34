"""A lab: named hosts on a network of their own."""

import json
import re
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import images, keys, mounts, network, places
from lab.commands import locked
from lab.errors import LabError
from lab.hosts import Host
from lab.network import Network

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
WATCHES = Path("/proc/sys/fs/inotify/max_user_instances")
# 16 labs of 13 hosts, with some 20 each.
ENOUGH_WATCHES = 4096


class Lab:
    """A running lab. Make one with `up`, find a running one with `load`; `down` ends it."""

    def __init__(self, name: str, net: Network) -> None:
        self.name = name
        self.network = net
        self.directory = places.labs() / name

    # -- life

    @classmethod
    def up(cls, name: str, hosts: Mapping[str, str] | None = None) -> "Lab":
        """Return the lab of that name with at least these hosts (name → image) booted, making what is missing."""
        _check_name("lab", name)
        for host in hosts or {}:
            _check_name("host", host)
        if places.labs().joinpath(name, "lab.json").exists():
            lab = cls.load(name)
            lab.revive()
        else:
            lab = cls.create(name)
        lab.add(hosts or {})
        return lab

    @classmethod
    def create(cls, name: str, network_index: int | None = None) -> "Lab | None":
        """Make a lab without hosts; None when it has to have that network and another lab has it."""
        keys.ensure()
        with locked(places.labs() / ".lock"):
            taken = {cls.load(other).network.index for other in names()}
            if network_index is None:
                chosen = network.free(taken)
            elif network.is_free(network_index, taken):
                chosen = Network(network_index)
            else:
                return None
            lab = cls(name, chosen)
            lab.directory.mkdir(parents=True, exist_ok=True)
            lab._resolver.write_text(mounts.resolver_file().read_text())
            # Before the network, so that `down` finds what a failure leaves behind.
            (lab.directory / "lab.json").write_text(json.dumps({"network": lab.network.index}) + "\n")
            lab.network.up()
        return lab

    @classmethod
    def load(cls, name: str) -> "Lab":
        """The lab of that name, which an earlier `up` made."""
        try:
            record = json.loads(places.labs().joinpath(name, "lab.json").read_text())
        except FileNotFoundError:
            raise LabError(f"no lab is called {name!r}; there are: {', '.join(names()) or 'none'}") from None
        return cls(name, Network(record["network"]))

    def add(self, hosts: Mapping[str, str]) -> None:
        """Boot hosts (name → image) that the lab doesn't have yet, and wait until one can log in."""
        present = self.hosts
        missing = {name: image for name, image in hosts.items() if name not in present}
        images.build(sorted(set(missing.values())))
        number = max((host.number for host in present.values()), default=-1) + 1
        new = []
        for offset, (name, image) in enumerate(missing.items()):
            host = Host(self.name, name, image, number + offset, self.network, self.directory / name)
            host.save()
            new.append(host)
        self._boot(new)

    def revive(self) -> None:
        """Boot what doesn't run any more, for instance because the machine was rebooted."""
        if not Path("/sys/class/net", self.network.bridge).exists():
            self.network.up()
        self._boot([host for host in self.hosts.values() if not host.alive()])

    def down(self) -> None:
        """End the lab: kill its hosts, remove its network and its disks."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(Host.kill, self.hosts.values()))
        self.network.down()
        shutil.rmtree(self.directory)

    # -- hosts

    @property
    def hosts(self) -> dict[str, Host]:
        """The lab's hosts, in the order in which they were added."""
        found = [Host.load(path.parent) for path in self.directory.glob("*/host.json")]
        return {host.name: host for host in sorted(found, key=lambda host: host.number)}

    def host(self, name: str) -> Host:
        """One host."""
        try:
            return self.hosts[name]
        except KeyError:
            raise LabError(f"lab {self.name} has no host {name!r}; it has {', '.join(self.hosts)}") from None

    def start(self, name: str) -> Host:
        """Boot a host that was killed or stopped, with the disk that it left."""
        host = self.host(name)
        self._boot([host])
        return host

    def resolve_with(self, name: str | None) -> None:
        """Let every host look names up at the host `name`, or at the machine's resolver again.

        Programs that copied /etc/resolv.conf when they started (Postfix) need a restart.
        """
        text = f"nameserver {self.host(name).address}\n" if name else mounts.resolver_file().read_text()
        self._resolver.write_text(text)

    def inventory(self) -> str:
        """The lab's hosts as an Ansible inventory in INI format."""
        lines = []
        for host in self.hosts.values():
            options = " ".join(host.ssh_options())
            lines.append(f"{host.name} ansible_host={host.address} ansible_ssh_common_args='{options}'")
        python = "ansible_python_interpreter=/usr/bin/python3"
        return "\n".join([*lines, "", "[all:vars]", "ansible_user=debian", "ansible_become=true", python, ""])

    # -- inside

    def _boot(self, hosts: list[Host]) -> None:
        _allow_watches()
        for host in hosts:
            host.boot(self._resolver)
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(Host.wait, hosts))

    @property
    def _resolver(self) -> Path:
        return self.directory / "resolv.conf"


def names() -> list[str]:
    """The names of all labs."""
    return sorted(path.parent.name for path in places.labs().glob("*/lab.json"))


def _allow_watches() -> None:
    """Let every host watch files; the kernel's 128 are for all processes of root, and last for a dozen systemds."""
    if int(WATCHES.read_text()) < ENOUGH_WATCHES:
        WATCHES.write_text(f"{ENOUGH_WATCHES}\n")


def _check_name(kind: str, name: str) -> None:
    if not NAME.fullmatch(name):
        raise LabError(
            f"{kind} name {name!r}: small letters, digits and hyphens, beginning with a letter; e.g. trixie-1"
        )
