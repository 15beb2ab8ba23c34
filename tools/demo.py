#!/usr/bin/env python3
"""The demo: the whole system on this machine, and a first post through it.

usage: demo.py up      bring it up; running it again is fine
       demo.py down    remove it

Runs as root, because booting hosts needs it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from deployment import ADMIN_PASSWORD, ADMIN_USER, Deployment, Site  # noqa: E402 - found through the line above
from infomaniak import Received, compose  # noqa: E402 - found through sys.path above
from lab import Lab, LabError  # noqa: E402 - found through sys.path above
from lab.labs import names  # noqa: E402 - found through sys.path above

LAB = "demo"
MEMBERS = ["ana@strict.test", "ben@strict.test"]
SENDER = "carla@bank.test"
LOG = ROOT / ".cache" / "demo.log"
DELIVERY_SECONDS = 90


@contextmanager
def step(what: str) -> Iterator[None]:
    """Print what is being done and how long it took; on a failure, which step it was and where its log is."""
    print(f"• {what} …", flush=True)
    began = time.monotonic()
    try:
        yield
    except (LabError, OSError, subprocess.CalledProcessError) as error:
        with LOG.open("a") as log:
            print(error, file=log)
        sys.exit(f"✗ {what}: failed. {str(error).strip().splitlines()[-1]}\n  Its log: {LOG.relative_to(ROOT)}")
    print(f"  {time.monotonic() - began:.0f} s", flush=True)


def deploy(inventory: Path) -> None:
    """Run the playbook that production runs; show each task's name while it works, and log everything."""
    command = [str(ROOT / ".venv/bin/ansible-playbook"), "-i", str(inventory), "playbook.yml", "--diff"]
    with (
        LOG.open("a") as log,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as playbook,
    ):
        for line in playbook.stdout:
            log.write(line)
            if line.startswith("TASK [") and "Validating arguments" not in line:
                print(f"    {line.removeprefix('TASK [').partition(']')[0]}", flush=True)
    if playbook.returncode:
        raise LabError(f"the playbook ended with {playbook.returncode}")


def subscribe(site: Site, name: str, addresses: list[str]) -> None:
    """Make addresses members, as an owner does who knows that they want to be; those who are stay it."""
    command = f"runuser -u list -- mailman addmembers - {site.address(name)}"
    site.host.run(command, stdin="".join(f"{address}\n" for address in addresses))


def first_post(deployment: Deployment, site: Site) -> dict[str, Received]:
    """Post to a list from a domain with a strict DMARC policy; return what each member received."""
    began, stand_in = time.time(), deployment.stand_in
    subject = f"First post {int(began)}"
    stand_in.post(SENDER, site.address("members"), compose(SENDER, site.address("members"), subject, "Hello.\n"))
    try:
        return {
            member: stand_in.wait_for_mail(member, DELIVERY_SECONDS, lambda mail: subject in mail["Subject"])
            for member in MEMBERS
        }
    except LabError:
        with LOG.open("a") as log:
            print(stand_in.journals(since=began), file=log)
        raise


def up() -> None:
    """Bring the demo up and say what there is to see."""
    LOG.parent.mkdir(exist_ok=True)
    LOG.write_text("")
    with step("Start a Debian host, a stand-in for Infomaniak's mail service, and a strict receiver"):
        deployment = Deployment.up(LAB, {"mailman": "kit-trixie"})
    site = deployment.sites["mailman"]
    with step("Deploy with playbook.yml, as production does (a few minutes the first time)"):
        deploy(deployment.inventory)
    with step(f"Subscribe {', '.join([*MEMBERS, SENDER])} to {site.address('members')}"):
        subscribe(site, "members", [*MEMBERS, SENDER])
    with step(f"Post as {SENDER}, whose domain has p=reject, and wait for the copies"):
        copies = first_post(deployment, site)
    copy = copies[MEMBERS[0]]
    print(f"""
Done. {SENDER} wrote to {site.address("members")}; the mailbox accepted it, the bridge delivered it to Mailman, and
each of {", ".join(copies)} has a copy that a strict server accepted:

    From:     {copy["From"]}
    Reply-To: {copy["Reply-To"]}
    Subject:  {copy["Subject"]}

Web interface  https://{site.fqdn}/   (self-signed here; add this line to /etc/hosts first)
               {site.host.address} {site.fqdn}
Login          {ADMIN_USER} / {ADMIN_PASSWORD}
Look inside    make demo-shell, then: listkit check
Tear down      make demo-down""")


def down() -> None:
    """Remove the demo, if there is one."""
    if LAB not in names():
        print("There is no demo.")
        return
    Lab.load(LAB).down()
    print("The demo is gone; `make clean-cache` removes its images too.")


def main(arguments: list[str]) -> int:
    """Run one command."""
    match arguments:
        case ["up"]:
            up()
        case ["down"]:
            down()
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
