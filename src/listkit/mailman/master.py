"""The command `listkit mailman-master`: Mailman's master, forking when Mailman is as we know it.

The forking master (`listkit.mailman.forking`) stands on Mailman's internals. When those aren't what it was written
for, after an upgrade of the package for instance, Mailman's own master runs instead: it takes more memory, and the
journal says why.
"""

import gc
import importlib
import inspect
import os
import sys

from listkit.common.systemd import notify

STOCK_MASTER = "/usr/lib/mailman3/bin/master"

SIGNATURES = {
    "mailman.bin.master:main": None,
    "mailman.bin.master:Loop.__init__": ["self", "lock", "restartable", "config_file"],
    "mailman.bin.master:Loop.install_signal_handlers": ["self"],
    "mailman.bin.master:Loop.start_runners": ["self", "runner_names"],
    "mailman.bin.master:Loop._start_runner": ["self", "spec"],
    "mailman.bin.master:Loop.loop": ["self"],
    "mailman.bin.runner:make_runner": ["name", "slice", "range", "once"],
    "mailman.core.runner:Runner._do_periodic": ["self"],
    "mailman.core.runner:Runner._snooze": ["self", "filecnt"],
    "mailman.core.runner:Runner._short_circuit": ["self"],
    "mailman.core.runner:Runner.signal_handler": ["self", "signum", "frame"],
}
"""What the forking master overrides or calls, as module:name, with the parameters it expects; None for any."""


def surprises(signatures: dict[str, list[str] | None] = SIGNATURES) -> list[str]:
    """Return what isn't as `signatures` says, one line each; none when all is well."""
    return [line for name, parameters in signatures.items() if (line := _surprise(name, parameters))]


def _surprise(name, parameters):
    module, _, path = name.partition(":")
    try:
        found = importlib.import_module(module)
        for attribute in path.split("."):
            found = getattr(found, attribute)
        actual = None if parameters is None else list(inspect.signature(found).parameters)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        return f"{name}: {error}"
    return "" if actual == parameters else f"{name} takes {actual}, not {parameters}"


def main(argv: list[str]) -> int:
    """Run the master until Mailman ends; `argv` is what Mailman's own master takes."""
    # Nothing that is made while loading becomes garbage; looking for it would copy the pages that the runners share.
    gc.disable()
    problems = surprises()
    if not problems:
        try:
            from listkit.mailman import forking
        except ImportError as error:
            problems = [str(error)]
    if problems:
        return _run_stock_master(problems, argv)
    from mailman.bin import master

    master.Loop = forking.ForkingLoop
    master.main(args=argv, prog_name="master", standalone_mode=False)
    return 0


def _run_stock_master(problems, argv):
    print(f"listkit: Mailman's own master runs, because of a surprise: {'; '.join(problems)}", file=sys.stderr)
    # It can't tell systemd by itself that it runs.
    notify("READY=1\nSTATUS=Mailman's own master runs, see the journal")
    os.execv(STOCK_MASTER, [STOCK_MASTER, *argv])  # noqa: S606 -- no shell, the program is Debian's
    return 1
