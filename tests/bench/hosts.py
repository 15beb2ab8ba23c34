"""The host that a benchmark measures: one of a lab that is there, or of a lab of its own."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager

from bench.deploy import play
from deployment import Deployment


def parser(program: str, description: str, messages: int) -> argparse.ArgumentParser:
    """Return a parser of the options that say which host is measured. messages: how many are in its archive."""
    made = argparse.ArgumentParser(prog=program, description=description)
    made.add_argument("--image", default="kit-trixie", help="image of the host (default: %(default)s)")
    made.add_argument("--messages", type=int, default=messages, help="in the archive (default: %(default)s)")
    made.add_argument("--lab", help="use a lab that is there, and keep it (default: one of its own)")
    made.add_argument("--host", default="ours", help="the host's name in the lab (default: %(default)s)")
    return made


@contextmanager
def deployed(options: argparse.Namespace, lab: str) -> Iterator[Deployment]:
    """Yield the deployment that the options name, or deploy a host in a new lab of the name `lab`.

    Prints the load of the machine before and after the measurement. Only a lab of its own is taken down.
    """
    if options.lab:
        deployment = Deployment.load(options.lab)
    else:
        deployment = Deployment.up(lab, {options.host: options.image})
        play(deployment, options.host)
    print(f"{options.image}, {options.messages} messages, load of the machine {os.getloadavg()[0]:.1f}")
    yield deployment
    print(f"load of the machine at the end {os.getloadavg()[0]:.1f}")
    if not options.lab:
        deployment.lab.down()
