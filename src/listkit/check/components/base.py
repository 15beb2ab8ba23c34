"""The host: room on its disks, memory, clock, open ports, secrets, failed jobs, a pending reboot or restart."""

from __future__ import annotations

import ctypes
import ipaddress
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from listkit.check.finding import Check, Finding
from listkit.check.probes import date, oldest, output, with_last_log_line
from listkit.check.settings import Host, Settings
from listkit.check.units import services_with_replaced_files

LEAST_FREE_BYTES = 512 * 1024**2
MOST_DIRECTORIES = 3
"""To name on a full disk."""
REMEDIES = {
    Path("/"): "`apt-get clean`; `du -xh --max-depth=2 / | sort -h | tail` shows the largest ones",
    Path("/var/log"): "`journalctl --vacuum-size=50M`; `du -xh /var/log | sort -h | tail` shows the largest ones",
    Path("/var/lib/mailman3"): "`du -xh /var/lib/mailman3 | sort -h | tail` shows the largest ones",
    Path("/var/lib/postgresql"): "`du -xh /var/lib/postgresql | sort -h | tail` shows the largest ones",
    Path("/var/spool/postfix"): "`listkit budget` and `postqueue -p` show the queued mail",
}
"""Directories that grow, each perhaps on a disk of its own, and how to make room."""
SECRETS = (
    "etc/listkit/secrets/*",
    "etc/listkit/tls-key.pem",
    "etc/mailman3/listkit-hyperkitty.cfg",
    "etc/mailman3/mailman.cfg",
    "etc/mailman3/mailman-web.py",
    "etc/postfix/sasl_passwd*",
    "var/lib/listkit/certificate/live/privkey.pem",
)
SECRET_DIRECTORIES = ("etc/listkit/secrets", "var/lib/listkit/budget", "var/lib/private/listkit-bridge")
LEAST_AVAILABLE_BYTES = 64 * 1024**2
CONTAINER = Path("/run/systemd/container")
# The answer of adjtimex(2) while nothing keeps the clock right.
_TIME_ERROR = 5
_TIMEX_OCTETS = 256
REBOOT_REQUIRED = Path("/run/reboot-required")


def checks(settings: Settings) -> list[Check]:
    """Return the checks; there are no settings but units and ports."""
    host = settings.host
    return [
        Check("disks", check_disks),
        Check("memory", check_memory),
        Check("clock", check_clock, inspects=True),
        Check("open ports", lambda: check_ports(host, output("ss", "-Htln"))),
        Check("secrets", check_secrets),
        Check("jobs", lambda: check_jobs(host)),
        Check("reboot", check_reboot),
        Check("restarts", check_restarts, needs_root=True, inspects=True),
    ]


def check_disks(remedies: dict[Path, str] = REMEDIES, least: int = LEAST_FREE_BYTES) -> Iterator[Finding]:
    """There is room, for bytes and for files."""
    present = [directory for directory in remedies if directory.exists()]
    full = {directory: reason for directory in present if (reason := _shortage(directory, least))}
    for directory, reason in full.items():
        yield Finding.critical("disks", f"{directory}: {reason}{_largest(directory)}", remedies[directory])
    if not full:
        # Most of them are on the same disk.
        disks = {directory.stat().st_dev: directory for directory in reversed(present)}
        free = ", ".join(f"{_free_bytes(disk) // 1024**2} MiB on {disk}" for disk in reversed(disks.values()))
        yield Finding.ok("disks", f"free: {free}")


def _free_bytes(directory: Path) -> int:
    disk = os.statvfs(directory)
    return disk.f_bavail * disk.f_frsize


def _shortage(directory: Path, least: int) -> str:
    if (free := _free_bytes(directory)) < least:
        return f"{free // 1024**2} MiB free, less than {least // 1024**2} MiB"
    disk = os.statvfs(directory)
    return "no inode free for another file" if disk.f_files and disk.f_favail == 0 else ""


def _largest(directory: Path) -> str:
    """Name the largest directories in it, to append to a finding; "" if that takes too long to find out."""
    try:
        lines = output("du", "-xm", "--max-depth=1", str(directory)).splitlines()
    except subprocess.TimeoutExpired:
        return ""
    sizes = [(int(size), path) for size, _, path in (line.partition("\t") for line in lines) if path != str(directory)]
    largest = sorted(sizes, reverse=True)[:MOST_DIRECTORIES]
    return f"; the largest: {', '.join(f'{path} {size} MiB' for size, path in largest)}" if largest else ""


def check_memory(meminfo: Path = Path("/proc/meminfo"), least: int = LEAST_AVAILABLE_BYTES) -> Iterator[Finding]:
    """Programs can get memory: the kernel kills one when neither memory nor swap is left."""
    kibibytes = {name: int(size) for name, size in re.findall(r"^(\w+): +(\d+) kB$", meminfo.read_text(), re.MULTILINE)}
    available, swap = kibibytes["MemAvailable"], kibibytes["SwapFree"]
    seen = f"{available // 1024} MiB available, {swap // 1024} MiB of swap free"
    if (available + swap) * 1024 < least:
        remedy = "`systemd-cgtop -m -n 1 -b` shows what uses it; restart that service, or use a larger instance"
        yield Finding.warning("memory", seen, remedy)
    else:
        yield Finding.ok("memory", seen)


def check_clock(container: Path = CONTAINER, answer: Callable[[], int] | None = None) -> Iterator[Finding]:
    """The clock is synchronised. In a container it is that of the machine around it."""
    if container.exists():
        yield Finding.ok("clock", "that of the machine around this container")
    elif (answer or _clock_state)() == _TIME_ERROR:
        remedy = "`apt-get install systemd-timesyncd && systemctl enable --now systemd-timesyncd`"
        yield Finding.warning("clock", "not synchronised; TLS and limits fail when it drifts", remedy)
    else:
        yield Finding.ok("clock", "synchronised")


def _clock_state() -> int:
    """Return the answer of adjtimex(2), asked with no changes. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    answer = libc.adjtimex(ctypes.create_string_buffer(_TIMEX_OCTETS))
    if answer < 0:
        raise OSError(ctypes.get_errno(), "adjtimex")
    return int(answer)


def check_ports(host: Host, sockets: str) -> Iterator[Finding]:
    """Only the allowed ports are open to the outside. `sockets`: the output of `ss -Htln`."""
    outside = {port for address, port in map(_local_address, sockets.splitlines()) if not _is_loopback(address)}
    listed = ", ".join(map(str, sorted(outside))) or "none"
    surplus = sorted(outside - host.ports)
    if surplus and host.unusable:
        seen = f"{listed}; the settings of {', '.join(sorted(host.unusable))} say which are expected"
        yield Finding.unknown("open ports", seen, "see the finding `settings`")
    elif surplus:
        ports = " or ".join(f"sport = {port}" for port in surplus)
        seen = f"{listed}; not expected: {', '.join(map(str, surplus))}"
        remedy = f"`ss -tlnp '{ports}'` names the program: bind it to 127.0.0.1 or stop it"
        yield Finding.critical("open ports", seen, remedy)
    else:
        yield Finding.ok("open ports", listed)


def _local_address(line: str) -> tuple[str, int]:
    address, _, port = line.split()[3].rpartition(":")
    return address.strip("[]").partition("%")[0], int(port)


def _is_loopback(address: str) -> bool:
    return address != "*" and ipaddress.ip_address(address).is_loopback


def check_secrets(root: Path = Path("/")) -> Iterator[Finding]:
    """Other users cannot read a file with a secret."""
    for directory in filter(Path.exists, {(root / pattern).parent for pattern in SECRETS}):
        # Without permission, `glob` finds nothing and says nothing.
        next(directory.iterdir(), None)
    files = sorted(path for pattern in SECRETS for path in root.glob(pattern))
    directories = [path for name in SECRET_DIRECTORIES if (path := root / name).exists()]
    exposed = [str(path) for path in (*directories, *files) if path.stat().st_mode & 0o007]
    if exposed:
        seen = f"open to other users: {', '.join(exposed)}"
        remedy = f"`chmod o= {' '.join(exposed)}`; replace the secret if an untrusted user may have read it"
        yield Finding.critical("secrets", seen, remedy)
    else:
        yield Finding.ok("secrets", f"{len(files)} files, closed to other users")


def check_jobs(host: Host) -> Iterator[Finding]:
    """None of the kit's jobs failed at its last run, apart from the units that have a finding of their own."""
    command = ("systemctl", "list-units", "--failed", "--plain", "--no-legend", "listkit-*")
    failed = [line.split()[0] for line in output(*command).splitlines()]
    others = [unit for unit in failed if unit not in host.units and _timer(unit) not in host.units]
    for unit in others:
        remedy = f"remove the cause, then `systemctl restart {unit}`"
        yield Finding.critical("jobs", with_last_log_line(f"{unit} failed", unit), remedy)
    if not others:
        yield Finding.ok("jobs", "none has failed")


def _timer(unit: str) -> str:
    return unit.removesuffix(".service") + ".timer"


def check_reboot(required: Path = REBOOT_REQUIRED) -> Iterator[Finding]:
    """No upgrade waits for a reboot."""
    since = oldest([required])
    if since is None:
        yield Finding.ok("reboot", "not required")
        return
    packages = required.with_name("reboot-required.pkgs")
    names = sorted(set(packages.read_text().split())) if packages.exists() else []
    reason = f", for {', '.join(names)}" if names else ""
    yield Finding.warning("reboot", f"required since {date(since)}{reason}", "`systemctl reboot`")


def check_restarts(proc: Path = Path("/proc")) -> Iterator[Finding]:
    """No service still runs a program or a library that an upgrade has replaced."""
    outdated = services_with_replaced_files(proc)
    if outdated:
        seen = f"with files that an upgrade has replaced: {', '.join(outdated)}"
        yield Finding.warning("restarts", seen, f"`systemctl restart {' '.join(outdated)}`")
    else:
        yield Finding.ok("restarts", "no service runs with replaced files")
