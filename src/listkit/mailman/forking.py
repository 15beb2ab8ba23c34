"""Mailman's master, with runners that are forked from one loaded process instead of executed.

Each of Mailman's runners is a Python process that loads the same code, 60 MiB of it. Here the master loads it once,
uses every part of it that allocates on first use (`preload`), and forks: the runners share those pages.

Differences from Mailman's own master, on both of Debian's versions:

- a runner that died is started again (3.3.8 leaves it dead); one that dies too often ends the master, and systemd
  restarts the service;
- a runner that is stopped finishes its current message first (Mailman's own is interrupted by an exception that moves
  the message to the shunt queue, where it stays until an administrator looks);
- a runner that cannot reach the database in its periodic work retries in the next round (Mailman's own dies);
- systemd is notified that Mailman is up when the REST API and the LMTP server listen;
- `mailman restart` and `systemctl reload` reload the code and the configuration as well.
"""

import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import time
from importlib import import_module
from pathlib import Path

from lazr.config import as_boolean
from mailman.bin import master, runner
from mailman.config import config
from mailman.interfaces.bounce import IBounceProcessor
from mailman.interfaces.domain import IDomainManager
from mailman.interfaces.listmanager import IListManager
from mailman.interfaces.runner import RunnerInterrupt
from mailman.interfaces.usermanager import IUserManager
from mailman.utilities.modules import find_name
from sqlalchemy.orm import configure_mappers
from zope.component import getUtility

from listkit.common.systemd import notify
from listkit.mailman.temporary_errors import is_temporary

RESTARTS_FORGOTTEN_AFTER = 600.0
"""Seconds; a runner that ran for longer begins again with no restarts counted."""

POLL_INTERVAL = 0.05
"""Seconds between two looks whether the servers listen."""

SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1}
"""The signals that control master and runners."""

NOBODY = "nobody@example.invalid"

log = logging.getLogger("mailman.runner")


def preload() -> None:
    """Load and use what the runners will use, then leave no connection open: a forked one would be shared."""
    for section in config.runner_configs:
        if as_boolean(section.start):
            find_name(section["class"])
    for name in (config.mta.outgoing, config.mta.incoming, "mailman.rest.wsgiapp.make_application"):
        find_name(name)
    for module in ("gunicorn.app.base", "gunicorn.glogging", "gunicorn.workers.sync"):
        import_module(module)
    list(config.archivers)
    try:
        _query_everything_once()
    finally:
        config.db.store.close()
        config.db.sessionmaker.remove()
        config.db.engine.dispose()
    gc.collect()
    gc.freeze()


def _query_everything_once():
    """Make the database layer build the mappers and statements that every runner needs."""
    configure_mappers()
    lists = getUtility(IListManager)
    lists.get(NOBODY)
    lists.get_by_list_id(NOBODY.replace("@", "."))
    users = getUtility(IUserManager)
    users.get_user(NOBODY)
    users.get_address(NOBODY)
    list(getUtility(IDomainManager))
    list(getUtility(IBounceProcessor).unprocessed)
    for mailing_list in list(lists.mailing_lists)[:1]:
        list(mailing_list.owners.members)
        list(mailing_list.header_matches)
        mailing_list.members.get_member(NOBODY)
        mailing_list.nonmembers.get_member(NOBODY)
    find_name("mailman.rest.wsgiapp.make_application")()


def finishing(runner_class: type) -> type:
    """Return `runner_class`, whose instances stop only between two messages, and survive an unavailable database."""

    class Finishing(runner_class):
        _idle = False

        def _snooze(self, filecnt):
            self._idle = True
            try:
                if not self._stop:
                    super()._snooze(filecnt)
            finally:
                self._idle = False

        def _do_periodic(self):
            try:
                super()._do_periodic()
            except Exception as error:
                if not is_temporary(error):
                    raise
                config.db.abort()
                log.warning("The %s runner couldn't do its periodic work, and retries: %s", self.name, error)

        def signal_handler(self, signum, frame):
            # The interrupt is an ordinary exception: raised while a message is processed it would shunt the message.
            with contextlib.suppress(RunnerInterrupt):
                super().signal_handler(signum, frame)
            if self._stop and (self._idle or not self.is_queue_runner):
                raise RunnerInterrupt

    Finishing.__name__ = runner_class.__name__
    return Finishing


class ForkingLoop(master.Loop):
    """Mailman's main loop, which forks."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self._ready_to_fork = False
        self._ending = False
        self._reload = False
        self._failed = False
        self._started_at = {}

    def install_signal_handlers(self):
        """Keep Mailman's handlers for SIGHUP (log files) and SIGALRM (the lock's lifetime)."""
        super().install_signal_handlers()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            signal.signal(number, self._end)

    def _end(self, signum, frame):
        self._ending = True
        self._reload = signum == signal.SIGUSR1
        for pid in self._kids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        log.info("Master ends%s", ", and to reload everything" if self._reload else "")

    def start_runners(self, runner_names=None):
        """Load everything once, then start the runners; if loading fails, they start the way Mailman starts them."""
        try:
            preload()
            self._ready_to_fork = True
        except Exception:
            log.exception("listkit: Mailman could not be preloaded; the runners are not forked, and take more memory")
        with self._signals_held():
            super().start_runners(runner_names)
        how = "forked" if self._ready_to_fork else "executed"
        log.info("Master started, %d runners %s", len(list(self._kids)), how)

    def _start_runner(self, spec):
        self._started_at[spec] = time.monotonic()
        if not self._ready_to_fork:
            return super()._start_runner(spec)
        pid = os.fork()
        if pid == 0:
            _be_runner(spec)
        return pid

    @contextlib.contextmanager
    def _signals_held(self):
        """Let no signal come between a fork and its entry in the table: the new runner would never hear of it.

        A forked runner lets them through once it handles them; an executed one would never, it inherits the mask.
        """
        if self._ready_to_fork:
            signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def loop(self):
        """Wait for runners that end, and start them again, until the master is stopped."""
        listening = False
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, 0 if listening else os.WNOHANG)
                if pid in self._kids:
                    self._runner_ended(pid, abs(os.waitstatus_to_exitcode(status)))
                elif all(map(_listens, _servers())):
                    listening = True
                    notify("READY=1\nSTATUS=all runners are up")
                else:
                    time.sleep(POLL_INTERVAL)
        log.info("Master stopped")
        if self._failed:
            sys.exit(1)
        if self._reload:
            self._lock.unlock()
            os.execv(sys.executable, sys.orig_argv)  # noqa: S606 -- this very program, no shell

    def _runner_ended(self, pid, code):
        name, part, parts, restarts = self._kids.pop(pid)
        spec = f"{name}:{part}:{parts}"
        seconds = time.monotonic() - self._started_at[spec]
        restarts = 1 if seconds > RESTARTS_FORGOTTEN_AFTER else restarts + 1
        with self._signals_held():
            if self._ending or not self._restartable:
                return
            if restarts <= int(getattr(config, f"runner.{name}").max_restarts):
                log.warning("Runner %s ended with %d after %d s: starting it again", spec, code, seconds)
                self._kids.add(self._start_runner(spec), (name, part, parts, restarts))
                return
        log.error("Runner %s has ended too often, at last with %d: the master ends", spec, code)
        self._failed = True
        signal.raise_signal(signal.SIGTERM)


def _servers():
    """Return host and port of each server among the runners."""
    servers = {
        "rest": (config.webservice.hostname, config.webservice.port),
        "lmtp": (config.mta.lmtp_host, config.mta.lmtp_port),
    }
    return [address for name, address in servers.items() if as_boolean(getattr(config, f"runner.{name}").start)]


def _listens(address):
    host, port = address
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
        return True
    return False


def _be_runner(spec):
    """Run the runner of `spec` in this process; never returns."""
    status = 1
    try:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        gc.enable()
        os.environ["MAILMAN_UNDER_MASTER_CONTROL"] = "1"
        # Gunicorn would report itself as the whole service.
        os.environ.pop("NOTIFY_SOCKET", None)
        status = _run(spec)
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        log.exception("Runner %s crashed", spec)
    finally:
        logging.shutdown()
        os._exit(status)


def _run(spec):
    name, part, parts = spec.split(":")
    # The name in `ps` and `top`; the command line is the master's.
    Path("/proc/self/comm").write_text(f"mailman-{name}", encoding="ascii")
    instance = runner.make_runner(name, int(part), int(parts))
    instance.__class__ = finishing(type(instance))
    instance.set_signals()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    log.info("%s runner started.", name)
    instance.run()
    log.info("%s runner exiting.", name)
    return instance.status
