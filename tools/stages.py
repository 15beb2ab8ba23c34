#!/usr/bin/env python3
"""Run the stages of a test run one after the other, show that they are alive, and say where the time went.

usage: stages.py [+]NAME=COMMAND ...

Each COMMAND is run by the shell. Stages whose names begin with a plus run one after the other beside the next stage
without one, and their output is shown when they end. A stage that fails ends the run, once what runs beside it has
ended, with its exit status; the table of times is printed in any case.
"""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

HEARTBEAT_SECONDS = 45
BESIDE = "+"


@dataclass
class Stage:
    """A command, and how it ended: its exit status (None: not run) and the seconds it took."""

    name: str
    command: str
    status: int | None = None
    seconds: float = 0.0

    @classmethod
    def parse(cls, argument: str) -> Stage:
        """Read NAME=COMMAND."""
        name, _, command = argument.partition("=")
        return cls(name.removeprefix(BESIDE), command)

    def __str__(self) -> str:
        verdict = {None: "not run", 0: "ok"}.get(self.status, f"failed ({self.status})")
        return f"{self.name:<16} {self.seconds:>7.1f} s  {verdict}"

    def run(self, output: BinaryIO, heart: Heart | None = None) -> None:
        """Run the command, its output passed on line by line."""
        began = time.monotonic()
        process = subprocess.Popen(  # noqa: S602 - the stages are written in our Makefile as shell commands
            self.command,
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for line in process.stdout:
            output.write(line)
            output.flush()
            if heart:
                heart.touch()
        self.status, self.seconds = process.wait(), time.monotonic() - began


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


class Lane:
    """Runs stages one after the other beside others, until one fails, and keeps their output until it is asked for."""

    def __init__(self, stages: list[Stage]) -> None:
        self._stages = stages
        self._outputs = [io.BytesIO() for _ in stages]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        for stage, output in zip(self._stages, self._outputs, strict=True):
            stage.run(output)
            if stage.status:
                break

    def finish(self) -> None:
        """Wait for the end and print what the stages said."""
        heart = Heart(", ".join(stage.name for stage in self._stages))
        self._thread.join()
        heart.stop()
        for stage, output in zip(self._stages, self._outputs, strict=True):
            print(f"\n== {stage.name}, which ran beside: {stage.command}", flush=True)
            sys.stdout.buffer.write(output.getvalue())
            print(f"== {stage}", flush=True)


def grouped(arguments: Iterable[str]) -> list[tuple[Stage, list[Stage]]]:
    """Put each stage together with those that run beside it."""
    groups, beside = [], []
    for argument in arguments:
        if argument.startswith(BESIDE):
            beside.append(Stage.parse(argument))
        else:
            groups.append((Stage.parse(argument), beside))
            beside = []
    if beside:
        raise SystemExit(f"{beside[0].name} has no stage to run beside: name one without a {BESIDE} after it")
    return groups


def run(stage: Stage, beside: list[Stage]) -> int:
    """Run a stage and those beside it; return the first exit status that isn't zero."""
    lane = Lane(beside)
    print(f"\n== {stage.name}: {stage.command}", flush=True)
    heart = Heart(stage.name)
    stage.run(sys.stdout.buffer, heart)
    heart.stop()
    print(f"== {stage}", flush=True)
    lane.finish()
    return next((each.status for each in (stage, *beside) if each.status), 0)


def main(arguments: list[str]) -> int:
    """Run the stages; return the first exit status that isn't zero."""
    began, groups, status = time.monotonic(), grouped(arguments), 0
    for stage, beside in groups:
        status = run(stage, beside)
        if status:
            break
    print("\nWhere the time went:", flush=True)
    for stage, beside in groups:
        for each in (stage, *beside):
            print(f"  {each}{' (beside the one above)' if each in beside else ''}")
    print(f"  {'all':<16} {time.monotonic() - began:>7.1f} s", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
