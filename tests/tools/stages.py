#!/usr/bin/env python3
"""Run the stages of a test run one after the other, show that they are alive, and say where the time went.

usage: stages.py NAME=COMMAND ...

Each COMMAND is run by the shell. The first stage that fails ends the run with its exit status; the table of times is
printed in any case.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import dataclass

HEARTBEAT_SECONDS = 45


@dataclass
class Outcome:
    """How one stage ended: its name, its exit status (None: not run) and the seconds it took."""

    name: str
    status: int | None = None
    seconds: float = 0.0

    def __str__(self) -> str:
        verdict = {None: "not run", 0: "ok"}.get(self.status, f"failed ({self.status})")
        return f"{self.name:<16} {self.seconds:>7.1f} s  {verdict}"


class Heart:
    """Print a line whenever nothing was printed for a while."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._began = self._last = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def touch(self) -> None:
        self._last = time.monotonic()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stopped.wait(1):
            now = time.monotonic()
            if now - self._last >= HEARTBEAT_SECONDS:
                print(f"… {self._name} is at work for {now - self._began:.0f} s", flush=True)
                self._last = now


def run(outcome: Outcome, command: str) -> None:
    """Run one stage, its output passed on line by line."""
    print(f"\n== {outcome.name}: {command}", flush=True)
    began, heart = time.monotonic(), Heart(outcome.name)
    process = subprocess.Popen(  # noqa: S602 - the stages are written in our Makefile as shell commands
        command,
        shell=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    for line in process.stdout:
        sys.stdout.buffer.write(line)
        sys.stdout.flush()
        heart.touch()
    outcome.status, outcome.seconds = process.wait(), time.monotonic() - began
    heart.stop()
    print(f"== {outcome}", flush=True)


def main(arguments: list[str]) -> int:
    """Run the stages given as NAME=COMMAND; return the first exit status that isn't zero."""
    stages = [(Outcome(name), command) for name, _, command in (argument.partition("=") for argument in arguments)]
    for outcome, command in stages:
        run(outcome, command)
        if outcome.status:
            break
    print("\nWhere the time went:", flush=True)
    for outcome, _ in stages:
        print(f"  {outcome}")
    print(f"  {'all':<16} {sum(outcome.seconds for outcome, _ in stages):>7.1f} s", flush=True)
    return next((outcome.status for outcome, _ in stages if outcome.status), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
