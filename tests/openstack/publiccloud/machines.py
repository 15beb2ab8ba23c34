"""The agent: boots a lab host where a hypervisor would boot a machine.

nova's driver in the control plane (`image/agent.py`) asks for it over HTTP: PUT boots, GET returns the console, DELETE
destroys. A machine gets the address, the hardware address and the configuration drive that the cloud made for it, and
nothing from the lab but its disk: no user, no key.
"""

import base64
import ipaddress
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from threading import Thread

from lab import Lab, LabError
from lab.commands import run
from lab.hosts import Host
from publiccloud import cloud

IMAGES = {"Debian 13 trixie": "machine-trixie"}
ADDRESS_FILE = "/etc/public-cloud/agent"
# Where cloud-init's ConfigDrive source looks besides block devices.
SEED = PurePosixPath("var/lib/cloud/seed/config_drive")


class Machine(Host):
    """A lab host that cloud-init sets up on its first boot."""

    def _furnish(self) -> None:
        super()._furnish()
        for path, content in json.loads((self.directory / "config_drive.json").read_text()).items():
            if path.endswith("/network_data.json"):
                # The agent sets the interface up, and a container sees the machine's /sys/class/net, not its own.
                continue
            file = self.disk / SEED / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(base64.b64decode(content))

    @property
    def output(self) -> str:
        """What stands on the console. A container has none, so cloud-init writes into this log instead."""
        log = self.disk / "var/log/cloud-init-output.log"
        return log.read_text(errors="replace") if log.exists() else ""


@contextmanager
def agent(lab: Lab) -> Iterator[None]:
    """Boot machines for the cloud in this lab, as long as the block runs."""
    server = ThreadingHTTPServer((lab.network.gateway, 0), _Handler)
    server.lab = lab
    thread = Thread(target=server.serve_forever, name="agent")
    thread.start()
    host = lab.host(cloud.HOST)
    host.write(ADDRESS_FILE, f"http://{lab.network.gateway}:{server.server_port}\n")
    try:
        yield
    finally:
        host.run(f"rm -f {ADDRESS_FILE}")
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            _boot(self.server.lab, self._name, request)
        except LabError as error:
            self._answer(500, str(error).encode())
        else:
            self._answer(201)

    def do_GET(self) -> None:
        machine = self._machine()
        self._answer(200, machine.output.encode() if machine else b"")

    def do_DELETE(self) -> None:
        if machine := self._machine():
            machine.destroy()
        self._answer(204)

    def log_message(self, format: str, *args: object) -> None:
        """The requests are in nova's journal."""

    @property
    def _name(self) -> str:
        return f"machine-{self.path.strip('/')[:8]}"

    def _machine(self) -> Machine | None:
        directory = self.server.lab.directory / self._name
        return Machine.load(directory) if directory.exists() else None

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _boot(lab: Lab, name: str, request: dict) -> None:
    if request["image"] not in IMAGES:
        raise LabError(f"no disk for the image {request['image']!r}; there are {', '.join(IMAGES)}")
    if len(request["interfaces"]) != 1:
        raise LabError(f"a machine has one interface, not {len(request['interfaces'])}")
    (interface,) = request["interfaces"]
    addresses = {ipaddress.ip_address(a["address"]).version: a for a in interface["addresses"]}
    # A host's number is the place of its address in the lab's network.
    number = int(ipaddress.ip_address(addresses[4]["address"])) - int(lab.network.subnet[2])
    machine = Machine(lab.name, name, IMAGES[request["image"]], number, lab.network, lab.directory / name)
    machine.save()
    (machine.directory / "config_drive.json").write_text(json.dumps(request["config_drive"]))
    _plug(machine, interface["mac"], addresses)
    machine.boot(lab.directory / "resolv.conf")


def _plug(machine: Machine, mac: str, addresses: dict[int, dict]) -> None:
    """The lab's cable, with the hardware address and the IPv6 address that the cloud gave."""
    machine.network.plug(machine.number)
    inside = ("ip", "-netns", machine.network.namespace(machine.number))
    run(*inside, "link", "set", "eth0", "address", mac)
    if 6 in addresses:
        run(*inside, "address", "flush", "dev", "eth0", "scope", "global", "to", str(machine.network.subnet6))
        run(*inside, "address", "add", f"{addresses[6]['address']}/{addresses[6]['prefix']}", "dev", "eth0", "nodad")
