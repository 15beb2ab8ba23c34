"""Mailman's master forks its runners from one loaded process; see `listkit.mailman.forking`."""

from __future__ import annotations

from listkit.common.patching import Patch, Target


def _apply() -> None:
    from mailman.bin import master

    from listkit.mailman.forking import ForkingLoop

    master.Loop = ForkingLoop


PATCH = Patch(
    name="forked-runners",
    purpose="Each of Mailman's 14 runners loads the same 60 MiB; 3.3.8 never restarts a runner that died; a runner "
    "that is stopped in the middle of a message sets the message aside.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="Mailman's own master runs, and needs 700 MiB more.",
    targets=(
        Target("mailman.bin.master:main"),
        Target("mailman.bin.master:Loop.__init__", "(self, lock=None, restartable=None, config_file=None)"),
        Target("mailman.bin.master:Loop.install_signal_handlers", "(self)"),
        Target("mailman.bin.master:Loop.start_runners", "(self, runner_names=None)"),
        Target("mailman.bin.master:Loop._start_runner", "(self, spec)"),
        Target("mailman.bin.master:Loop.loop", "(self)"),
        Target("mailman.bin.runner:make_runner", "(name, slice, range, once=False)"),
        Target("mailman.core.runner:Runner._do_periodic", "(self)"),
        Target("mailman.core.runner:Runner._snooze", "(self, filecnt)"),
        Target("mailman.core.runner:Runner.run", "(self)"),
        Target("mailman.core.runner:Runner.signal_handler", "(self, signum, frame)"),
    ),
    apply=_apply,
)
