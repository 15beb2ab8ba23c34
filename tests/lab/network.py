"""A lab's network: a bridge with a slice of a documentation range, and masquerading towards Debian's archive."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from lab.commands import run
from lab.errors import LabError

# TEST-NET-2: no real host has such an address, so a slip of a test can't reach anybody.
RANGE = ipaddress.ip_network("198.51.100.0/24")
RANGE6 = ipaddress.ip_network("2001:db8::/48")
SLICES = list(RANGE.subnets(new_prefix=28))
SLICES6 = list(RANGE6.subnets(new_prefix=64))[: len(SLICES)]


@dataclass(frozen=True)
class Network:
    """The network of the lab number `index`."""

    index: int

    @property
    def bridge(self) -> str:
        """The bridge's interface name."""
        return f"lk{self.index}"

    @property
    def subnet(self) -> ipaddress.IPv4Network:
        """The lab's IPv4 slice."""
        return SLICES[self.index]

    @property
    def subnet6(self) -> ipaddress.IPv6Network:
        """The lab's IPv6 slice; it isn't routed."""
        return SLICES6[self.index]

    @property
    def gateway(self) -> str:
        """The machine's own address in the lab."""
        return str(self.subnet[1])

    def address(self, number: int) -> str:
        """The IPv4 address of the host `number`, counted from 0."""
        if number + 2 >= self.subnet.num_addresses - 1:
            raise LabError(f"a lab has room for {self.subnet.num_addresses - 3} hosts")
        return str(self.subnet[number + 2])

    def address6(self, number: int) -> str:
        """The IPv6 address of the host `number`."""
        return str(self.subnet6[number + 2])

    def hardware_address(self, number: int) -> str:
        """The hardware address of the host `number`; a host made anew has the one that its neighbours remember."""
        return f"02:00:{ipaddress.ip_address(self.address(number)).packed.hex(':')}"

    def namespace(self, number: int) -> str:
        """The name of a host's network namespace."""
        return f"{self.bridge}-{number}"

    def interface(self, number: int) -> str:
        """The machine's end of a host's cable."""
        return f"{self.bridge}h{number}"

    def up(self) -> None:
        """Make the packet rules and the bridge."""
        # The rules first: a bridge that is there tells later that its network is whole.
        run("nft", "-f", "-", stdin=self._rules())
        run("ip", "link", "add", self.bridge, "type", "bridge")
        run("ip", "address", "add", f"{self.gateway}/{self.subnet.prefixlen}", "dev", self.bridge)
        run("ip", "link", "set", self.bridge, "up")
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")

    def down(self) -> None:
        """Remove everything that `up` and `plug` made; what isn't there is no error."""
        for line in run("ip", "netns", "list").splitlines():
            if line.split()[0].startswith(f"{self.bridge}-"):
                run("ip", "netns", "delete", line.split()[0])
        run("ip", "link", "delete", self.bridge, check=False)
        run("nft", "delete", "table", "ip", self._table, check=False)

    def plug(self, number: int) -> None:
        """Make a host's network namespace, its addresses and its cable to the bridge."""
        namespace, outside = self.namespace(number), self.interface(number)
        run("ip", "netns", "add", namespace)
        inner = ("name", "eth0", "address", self.hardware_address(number), "netns", namespace)
        run("ip", "link", "add", outside, "type", "veth", "peer", *inner)
        run("ip", "link", "set", outside, "master", self.bridge, "up")
        inside = ("ip", "-netns", namespace)
        run(*inside, "link", "set", "lo", "up")
        run(*inside, "link", "set", "eth0", "up")
        run(*inside, "address", "add", f"{self.address(number)}/{self.subnet.prefixlen}", "dev", "eth0")
        run(*inside, "address", "add", f"{self.address6(number)}/64", "dev", "eth0", "nodad")
        run(*inside, "route", "add", "default", "via", self.gateway)

    def plugged(self, number: int) -> bool:
        """Whether `plug` went through to its end, which is the default route."""
        return run("ip", "-netns", self.namespace(number), "route", "show", "default", check=False) != ""

    def unplug(self, number: int) -> None:
        """Remove what `plug` made; what isn't there is no error."""
        # The cable first: it outlives its namespace for a moment, and `plug` couldn't make it again in that.
        run("ip", "link", "delete", self.interface(number), check=False)
        run("ip", "netns", "delete", self.namespace(number), check=False)

    def cut(self, number: int) -> None:
        """Pull a host's cable."""
        run("ip", "link", "set", self.interface(number), "down")

    def mend(self, number: int) -> None:
        """Put a host's cable back."""
        run("ip", "link", "set", self.interface(number), "up")

    @property
    def _table(self) -> str:
        return f"listkit_lab_{self.index}"

    def _rules(self) -> str:
        """Masquerading for name lookups and web downloads only: no mail can leave a lab."""
        return f"""
table ip {self._table}
delete table ip {self._table}
table ip {self._table} {{
    chain forward {{
        type filter hook forward priority filter; policy accept;
        iifname "{self.bridge}" oifname "{self.bridge}" accept
        iifname "{self.bridge}" ip daddr {RANGE} reject
        iifname "{self.bridge}" udp dport 53 accept
        iifname "{self.bridge}" tcp dport {{ 53, 80, 443 }} accept
        iifname "{self.bridge}" reject
    }}
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {self.subnet} oifname != "{self.bridge}" masquerade
    }}
}}
"""


def free(taken: set[int]) -> Network:
    """A network that no lab uses, and that no other cache's lab on this machine uses either."""
    for index in range(len(SLICES)):
        if is_free(index, taken):
            return Network(index)
    raise LabError(f"all {len(SLICES)} lab networks are in use; see `lab list`, and take one down")


def is_free(index: int, taken: set[int]) -> bool:
    """Whether a network is used by no lab, of this cache or of another one on this machine."""
    return index not in taken and not Path("/sys/class/net", Network(index).bridge).exists()
