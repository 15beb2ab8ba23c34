"""A host of a lab: a booted Debian that one can log in to, reboot, kill and cut off."""

import json
import shlex
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

from lab import images, keys, mounts
from lab.commands import run, wait_for
from lab.errors import LabError
from lab.network import Network

BOOT_SECONDS = 90
LOOK_SECONDS = 60
# What a stock kernel on a virtual machine would allow, too.
_CAPABILITIES = "CAP_NET_ADMIN,CAP_NET_RAW,CAP_SYS_PTRACE"


@dataclass(frozen=True)
class Host:
    """One host. `number` is its place in the lab and fixes its addresses."""

    TRANSIENT: ClassVar = ("upper", "overlay", "ssh", "console.log")
    """What of its directory belongs to the running host; the rest describes it."""

    lab: str
    name: str
    image: str
    number: int
    network: Network
    directory: Path

    @property
    def address(self) -> str:
        """The host's IPv4 address."""
        return self.network.address(self.number)

    @property
    def address6(self) -> str:
        """The host's IPv6 address."""
        return self.network.address6(self.number)

    @property
    def namespace(self) -> Path:
        """The file that stands for the host's network namespace."""
        return Path("/run/netns") / self.network.namespace(self.number)

    @property
    def console(self) -> Path:
        """The log of the host's console."""
        return self.directory / "console.log"

    @property
    def disk(self) -> Path:
        """The layer with everything that was written since the host was made."""
        return self.directory / "upper"

    # -- life

    def boot(self, resolver: Path) -> None:
        """Start the host and return at once; `wait` waits for it. `resolver` is its /etc/resolv.conf."""
        if not self.disk.exists():
            self._furnish()
        lower = (self.directory / "layers").read_text().splitlines()
        nspawn = [
            "systemd-nspawn", "--register=no", "--keep-unit", "--boot",
            f"--machine={self.lab}-{self.name}", f"--hostname={self.name}", "--resolv-conf=off", "--timezone=off",
            "--link-journal=no", "--console=pipe", f"--capability={_CAPABILITIES}",
            f"--network-namespace-path={self.namespace}",
            f"--bind-ro={resolver}:/etc/resolv.conf",
        ]  # fmt: skip
        if not self.network.plugged(self.number):
            self.network.unplug(self.number)
            self.network.plug(self.number)
        with self.console.open("ab") as log:
            argv = mounts.in_overlay(self._group, lower, self.disk, self.directory / "overlay", nspawn)
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        wait_for(lambda: self.alive() or child.poll() is not None, f"{self.name} to start", 10, every=0.01)

    def wait(self, seconds: float = BOOT_SECONDS) -> None:
        """Wait until one can log in."""
        try:
            wait_for(self._answers, f"{self.name} to open its ssh port", seconds, every=0.05)
            wait_for(lambda: self.try_run("true").returncode == 0, f"a login on {self.name}", seconds)
        except LabError as error:
            raise LabError(f"{error}; its console ({self.console}) says:\n{self.console_tail()}") from None

    def kill(self) -> None:
        """Stop every process of the host at once, as a power cut does."""
        self._forget_connection()
        mounts.kill_group(self._group)

    def stop(self) -> None:
        """Shut the host down in order; a host that takes longer than 30 s is killed."""
        self.try_run("systemctl poweroff")
        with suppress(LabError):
            wait_for(lambda: not self.alive(), f"{self.name} to shut down", 30)
        self.kill()

    def reboot(self, seconds: float = BOOT_SECONDS) -> None:
        """Reboot the host and wait until one can log in again."""
        # The boot id is the machine's; the time at which the host's own systemd started tells its boots apart.
        which_boot = "systemctl show --property=UserspaceTimestampMonotonic"
        before = self.run(which_boot)
        self.try_run("systemctl reboot")
        self._forget_connection()

        def rebooted() -> bool:
            now = self.try_run(which_boot)
            return now.returncode == 0 and now.stdout != before

        wait_for(rebooted, f"{self.name} to come back", seconds, every=0.3)

    def alive(self) -> bool:
        """Whether the host runs."""
        return mounts.populated(self._group)

    def destroy(self) -> None:
        """Kill the host and remove its disk and its cable."""
        self.kill()
        self.network.unplug(self.number)
        shutil.rmtree(self.directory, ignore_errors=True)  # an earlier attempt may have got so far

    # -- work

    def ssh_options(self) -> list[str]:
        """What ssh needs to log in, without the address."""
        pair = keys.ensure()
        return [
            "-i", str(pair.login), "-o", "IdentitiesOnly=yes", "-o", f"UserKnownHostsFile={pair.known_hosts}",
            "-o", "StrictHostKeyChecking=yes", "-o", "GlobalKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
        ]  # fmt: skip

    def try_run(self, command: str, stdin: str | None = None, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """Run a shell command as root on the host, and return whatever came of it."""
        remote = f"sudo -n -- sh -c {shlex.quote(command)}"
        shared = ["-o", "ControlMaster=auto", "-o", f"ControlPath={self._control}", "-o", "ControlPersist=60"]
        argv = ["ssh", *self.ssh_options(), *shared, "-o", "ConnectTimeout=5", "-o", "ServerAliveInterval=5",
                f"debian@{self.address}", remote]  # fmt: skip
        return subprocess.run(
            argv, input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip

    def run(self, command: str, stdin: str | None = None, timeout: float = 600) -> str:
        """Run a shell command as root on the host and return its output; a failure raises `LabError`."""
        done = self.try_run(command, stdin, timeout)
        if done.returncode != 0:
            said = f"{done.stdout}{done.stderr}".rstrip()
            raise LabError(f"on {self.name}: {command}\nended with {done.returncode}:\n{said}")
        return done.stdout

    def wait_until(self, condition: str, what: str, seconds: float) -> None:
        """Wait until a shell command succeeds; it is run again and again on the host itself, which costs little.

        Raises `LabError` naming `what` once `seconds` are over. The host may be rebooting.
        """
        deadline = time.monotonic() + seconds

        def holds() -> bool:
            remaining = max(1.0, min(LOOK_SECONDS, deadline - time.monotonic()))
            loop = shlex.quote(f"until {condition}; do sleep 0.1; done")
            return self.try_run(f"timeout {remaining:.0f} sh -c {loop}").returncode == 0

        wait_for(holds, what, seconds)

    def write(self, path: str, text: str, mode: str = "0644") -> None:
        """Put a file on the host, whole or not at all."""
        target, new = shlex.quote(path), shlex.quote(f"{path}.new")
        self.run(f"mkdir -p $(dirname {target}) && cat > {new} && chmod {mode} {new} && mv {new} {target}", stdin=text)

    def cut(self) -> None:
        """Pull the network cable."""
        self._forget_connection()
        self.network.cut(self.number)

    def mend(self) -> None:
        """Put the network cable back."""
        self.network.mend(self.number)

    def console_tail(self, lines: int = 40) -> str:
        """The end of the console's log."""
        text = self.console.read_text(errors="replace") if self.console.exists() else "(nothing)"
        return "\n".join(text.splitlines()[-lines:])

    def journal(self, lines: int = 200, unit: str | None = None, since: float = 0) -> str:
        """The end of the host's journal, of one unit or of all, not before `since` (seconds of the epoch)."""
        chosen = f" --since=@{since:.0f}" + (f" -u {shlex.quote(unit)}" if unit else "")
        # Every command of a test goes through sudo: its lines would drown the others.
        quiet = r"grep -vE ' sudo\[[0-9]+\]: |pam_limits|pam_unix'"
        done = self.try_run(f"journalctl --no-pager{chosen} | {quiet} | tail -n {lines}")
        return done.stdout or f"(no journal: {done.stderr.strip()})"

    # -- kept between invocations

    def save(self) -> None:
        """Remember the host for the next invocation."""
        self.directory.mkdir(parents=True, exist_ok=True)
        record = asdict(self) | {"network": self.network.index, "directory": str(self.directory)}
        (self.directory / "host.json").write_text(json.dumps(record, indent=2) + "\n")

    @classmethod
    def load(cls, directory: Path) -> "Host":
        """A host that an earlier invocation saved."""
        record = json.loads((directory / "host.json").read_text())
        return cls(**record | {"network": Network(record["network"]), "directory": directory})

    # -- inside

    @property
    def _group(self) -> str:
        return f"listkit-lab/{self.network.namespace(self.number)}"

    @property
    def _control(self) -> Path:
        return self.directory / "ssh"

    def furnish_with(self, layers: str) -> None:
        """Give the host an empty disk on these layers, one a line, topmost first."""
        (self.directory / "layers").write_text(layers)
        self.disk.mkdir()

    def _furnish(self) -> None:
        """What differs from host to host: the image's layers are shared."""
        self.furnish_with("\n".join(map(str, images.layers(self.image))))
        etc = self.disk / "etc"
        etc.mkdir()
        (etc / "hostname").write_text(f"{self.name}\n")
        (etc / "hosts").write_text(f"127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {self.name}\n")

    def _answers(self) -> bool:
        if not self.alive():
            raise LabError(f"{self.name} didn't start")
        try:
            with socket.create_connection((self.address, 22), timeout=1) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def _forget_connection(self) -> None:
        if self._control.exists():
            run("ssh", "-o", f"ControlPath={self._control}", "-O", "exit", self.address, check=False)
