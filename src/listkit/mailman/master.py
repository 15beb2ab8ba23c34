"""Mailman's master, with runners that are forked from one loaded process instead of executed anew.

Each of Mailman's runners is a Python process that loads the same code, 60 MiB of it. Here the master loads it once, uses every part of
it that copies itself on first use (`preload`), and forks: the runners share those pages.

Differences from Mailman's own master, on both of Debian's versions:

- a runner that died is started again (3.3.8 leaves it dead); one that dies too often ends the master, and systemd starts all anew;
- a runner that is told to stop first finishes the message in its hands (Mailman's own is interrupted in the middle and moves it to the
  shunt queue, where it stays until somebody looks);
- `mailman restart` and `systemctl reload` load the code and the configuration anew as well.

All this stands on Mailman's internals. When they aren't what this was written for, Mailman's own master runs instead, and the log says so.
"""

import contextlib
import gc
import inspect
import logging
import os
import signal
import socket
import sys
import time
from importlib import import_module

from mailman.bin import master, runner
from mailman.config import config
from mailman.interfaces.runner import RunnerInterrupt
from mailman.utilities.modules import find_name

STOCK_MASTER = "/usr/lib/mailman3/bin/master"
RESTARTS_FORGOTTEN_AFTER = 600.0
"""Seconds; a runner that ran for longer begins again with no restarts counted."""

EXPECTED_SIGNATURES = {
    "Loop.__init__": (master.Loop.__init__, ["self", "lock", "restartable", "config_file"]),
    "Loop.start_runners": (master.Loop.start_runners, ["self", "runner_names"]),
    "Loop._start_runner": (getattr(master.Loop, "_start_runner", None), ["self", "spec"]),
    "Loop.install_signal_handlers": (master.Loop.install_signal_handlers, ["self"]),
    "Loop.loop": (master.Loop.loop, ["self"]),
    "make_runner": (runner.make_runner, ["name", "slice", "range", "once"]),
}

log = logging.getLogger("mailman.runner")


def surprises(expected: dict = EXPECTED_SIGNATURES) -> list[str]:
    """Return what in Mailman isn't as this module expects it: one line each, none when all is well."""
    found = []
    for name, (function, parameters) in expected.items():
        actual = list(inspect.signature(function).parameters) if callable(function) else None
        if actual != parameters:
            found.append(f"{name} takes {actual}, not {parameters}")
    return found


def notify(state: str) -> None:
    """Tell systemd (see sd_notify(3)); does nothing when systemd didn't start this process."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(state.encode(), address.replace("@", "\0", 1))


def preload() -> None:
    """Load and use what the runners will use, then leave no connection open: a forked one would be shared."""
    for section in config.runner_configs:
        if master.as_boolean(section.start):
            find_name(section["class"])
    for module in ("gunicorn.app.base", "gunicorn.glogging", "gunicorn.workers.sync", "mailman.rest.wsgiapp"):
        import_module(module)
    find_name(config.mta.outgoing)
    find_name(config.mta.incoming)
    for _ in config.archivers:
        pass
    try:
        _warm_up()
    finally:
        config.db.store.close()
        config.db.sessionmaker.remove()
        config.db.engine.dispose()
    gc.collect()
    gc.freeze()


def _warm_up():
    """Make the database layer build the mappers and statements that every runner needs."""
    from mailman.interfaces.bounce import IBounceProcessor
    from mailman.interfaces.domain import IDomainManager
    from mailman.interfaces.listmanager import IListManager
    from mailman.interfaces.usermanager import IUserManager
    from mailman.rest.wsgiapp import make_application
    from sqlalchemy.orm import configure_mappers
    from zope.component import getUtility

    nobody = "nobody@example.invalid"
    configure_mappers()
    lists = getUtility(IListManager)
    lists.get(nobody)
    lists.get_by_list_id(nobody.replace("@", "."))
    users = getUtility(IUserManager)
    users.get_user(nobody)
    users.get_address(nobody)
    list(getUtility(IDomainManager))
    list(getUtility(IBounceProcessor).unprocessed)
    for mailing_list in list(lists.mailing_lists)[:1]:
        list(mailing_list.owners.members)
        list(mailing_list.header_matches)
        mailing_list.members.get_member(nobody)
        mailing_list.nonmembers.get_member(nobody)
    make_application()


def finishing(runner_class: type) -> type:
    """Return `runner_class` with signals that stop it only between two messages."""

    class Finishing(runner_class):
        _idle = False

        def _snooze(self, filecnt):
            self._idle = True
            try:
                if not self._stop:
                    super()._snooze(filecnt)
            finally:
                self._idle = False

        def signal_handler(self, signum, frame):
            if signum == signal.SIGHUP:
                super().signal_handler(signum, frame)
                return
            # The interrupt is an ordinary exception: raised over a message it would shunt it.
            with contextlib.suppress(RunnerInterrupt):
                super().signal_handler(signum, frame)
            if self._idle or not self.is_queue_runner:
                self._idle = False
                raise RunnerInterrupt

    Finishing.__name__ = runner_class.__name__
    return Finishing


class ForkingLoop(master.Loop):
    """Mailman's main loop, which forks."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self._fork = False
        self._reload = False
        self._failed = False
        self._started = {}

    def install_signal_handlers(self):
        """Add what 3.3.8 forgets: a master that is told to end starts no runner any more."""
        super().install_signal_handlers()
        self._wrap_signals((signal.SIGTERM, signal.SIGINT), "_restartable", False)
        self._wrap_signals((signal.SIGUSR1,), "_reload", True)

    def _wrap_signals(self, numbers, attribute, value):
        for number in numbers:
            stock = signal.getsignal(number)

            def handler(signum, frame, stock=stock):
                setattr(self, attribute, value)
                stock(signum, frame)

            signal.signal(number, handler)

    def start_runners(self, runner_names=None):
        """Load everything once, then start the runners; without forking when the loading fails."""
        try:
            preload()
            self._fork = True
        except Exception:
            log.exception(
                "listkit: cannot preload Mailman; the runners start one by one, as Mailman's own master starts them"
            )
        super().start_runners(runner_names)
        notify("READY=1\nSTATUS=all runners are up")
        log.info("Master started %d runners, %s", len(list(self._kids)), "forked" if self._fork else "executed")

    def _start_runner(self, spec):
        if not self._fork:
            pid = super()._start_runner(spec)
        else:
            pid = os.fork()
            if pid == 0:
                _run(spec)
        self._started[spec] = time.monotonic()
        return pid

    def loop(self):
        """Wait for runners that end, and start them again, until the master is told to end."""
        while True:
            try:
                pid, status = os.wait()
            except ChildProcessError:
                break
            if pid in self._kids:
                self._runner_ended(pid, abs(os.waitstatus_to_exitcode(status)))
        log.info("Master stopped")
        if self._reload and self._restartable:
            self._load_anew()
        if self._failed:
            sys.exit(1)

    def _runner_ended(self, pid, code):
        name, part, parts, restarts = self._kids.pop(pid)
        spec = f"{name}:{part}:{parts}"
        if self._reload or not self._restartable or code == signal.SIGTERM:
            return
        ran = time.monotonic() - self._started[spec]
        restarts = 1 if ran > RESTARTS_FORGOTTEN_AFTER else restarts + 1
        if restarts > int(getattr(config, f"runner.{name}").max_restarts):
            log.error("Runner %s ended %d times, each within %d s: ending", spec, restarts, RESTARTS_FORGOTTEN_AFTER)
            self._failed = True
            os.kill(os.getpid(), signal.SIGTERM)
            return
        log.warning("Runner %s ended with %d after %d s: starting it again", spec, code, ran)
        self._kids.add(self._start_runner(spec), (name, part, parts, restarts))

    def _load_anew(self):
        log.info("Master loads code and configuration anew")
        self._lock.unlock()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 -- a shell has no part in this


def _run(spec):
    """Be the runner of `spec`; never returns."""
    status = 1
    try:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        gc.enable()
        os.environ["MAILMAN_UNDER_MASTER_CONTROL"] = "1"
        status = _run_to_its_end(spec)
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        log.exception("Runner %s crashed", spec)
    finally:
        logging.shutdown()
        os._exit(status)


def _run_to_its_end(spec):
    name, part, parts = spec.split(":")
    # What `ps` and `top` show; the command line is the master's.
    with open("/proc/self/comm", "w", encoding="ascii") as comm:
        comm.write(f"mailman-{name}")
    instance = runner.make_runner(name, int(part), int(parts))
    instance.__class__ = finishing(type(instance))
    instance.set_signals()
    log.info("%s runner started.", name)
    instance.run()
    log.info("%s runner exiting.", name)
    return instance.status


def main(argv: list[str]) -> int:
    """Run the master; `argv` is what Mailman's own master takes. Returns only when Mailman ends."""
    problems = surprises()
    if problems:
        print(
            f"listkit: this Mailman is not the expected one ({'; '.join(problems)}): its own master runs",
            file=sys.stderr,
        )
        notify("READY=1\nSTATUS=Mailman's own master runs, see the log")
        os.execv(STOCK_MASTER, [STOCK_MASTER, *argv])  # noqa: S606 -- a shell has no part in this
    # Objects that are made while loading stay: looking for garbage among them would only copy their pages.
    gc.disable()
    master.Loop = ForkingLoop
    master.main(args=argv, prog_name="master", standalone_mode=False)
    return 0
