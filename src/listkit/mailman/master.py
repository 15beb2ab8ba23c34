"""The command `listkit mailman-master`: Mailman's master, which forks its runners if this Mailman is a known one."""

import gc
import os
import sys
from typing import NoReturn

from listkit.common.patching import Patching
from listkit.common.systemd import notify
from listkit.mailman import patches

STOCK_MASTER = "/usr/lib/mailman3/bin/master"


def main(argv: list[str]) -> int:
    """Run the master until Mailman ends; `argv` has the arguments of Mailman's own master."""
    # Nothing that is made while loading becomes garbage; looking for it would copy the pages that the runners share.
    gc.disable()
    patching = Patching("mailman/master")
    if patching.apply(patches.MASTER):
        from mailman.bin import master

        master.main(args=argv, prog_name="master", standalone_mode=False)
    else:
        _run_stock_master("; ".join(failure.reason for failure in patching.failures), argv)
    return 0


def _run_stock_master(reason: str, argv: list[str]) -> NoReturn:
    print(f"listkit: Mailman's own master runs: {reason}", file=sys.stderr)
    # It doesn't notify systemd itself.
    notify("READY=1\nSTATUS=Mailman's own master runs, see the journal")
    os.execv(STOCK_MASTER, [STOCK_MASTER, *argv])  # noqa: S606 -- no shell, the program is Debian's
