#!/usr/bin/env python3
"""Run the stages of a test run, show that they are alive, and say where the time went.

usage: stages.py [--logs DIRECTORY] [PIPELINE/]NAME=COMMAND ...

Each COMMAND is run by the shell. Stages run one after the other; neighbours that name a pipeline run in parallel with
those of the other pipelines, in order within their own. The output of a parallel stage is written to a log in
DIRECTORY (default: .cache/logs) and printed in one piece when the stage ends. After a failure no further stage starts;
the exit status is that of the first stage, in the order of the command line, that failed. The table of times is printed
in any case.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

HEARTBEAT_SECONDS = 45
LAST_LINE_LENGTH = 100
ESCAPE_SEQUENCES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Stage:
    """A command and its result: its exit status (None: not run) and the seconds it took."""

    name: str
    command: str
    pipeline: str = ""
    status: int | None = None
    seconds: float = 0.0
    last_line: str = ""
    started: float | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, argument: str) -> Stage:
        """Read [PIPELINE/]NAME=COMMAND."""
        title, separator, command = argument.partition("=")
        pipeline, _, name = title.rpartition("/")
        if not (name and separator and command):
            raise SystemExit(f"{argument!r} is not a stage; expected [PIPELINE/]NAME=COMMAND, e.g. unit='make unit'")
        return cls(name, command, pipeline)

    def __str__(self) -> str:
        result = {None: "not run", 0: "ok"}.get(self.status, f"failed ({self.status})")
        return f"{self.name:<16} {self.seconds:>7.1f} s  {result}"

    @property
    def running(self) -> bool:
        """Whether the command has started and not ended."""
        return self.started is not None and self.status is None

    def run(self, output: BinaryIO) -> None:
        """Run the command and pass its output on line by line."""
        self.started = time.monotonic()
        process = subprocess.Popen(  # noqa: S602 - the stages are shell commands, written in our Makefile
            self.command,
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for line in process.stdout:
            output.write(line)
            output.flush()
            self.last_line = _plain(line) or self.last_line
        status = process.wait()
        self.seconds, self.status = time.monotonic() - self.started, status


class Console:
    """Standard output, shared by parallel stages; knows when something was last written."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.last_write = time.monotonic()

    def write(self, octets: bytes) -> None:
        """Write octets in one piece."""
        with self._lock:
            sys.stdout.buffer.write(octets)
            sys.stdout.buffer.flush()
            self.last_write = time.monotonic()

    def flush(self) -> None:
        """Do nothing: `write` flushes."""

    def print(self, text: str) -> None:
        """Print a line of our own."""
        self.write(f"{text}\n".encode())


class Heartbeat:
    """While in use, reports the running stages whenever the console has been silent for a while."""

    def __init__(self, stages: Iterable[Stage], console: Console) -> None:
        self._stages = list(stages)
        self._console = console
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(1):
            if time.monotonic() - self._console.last_write >= HEARTBEAT_SECONDS:
                for stage in filter(lambda stage: stage.running, self._stages):
                    self._console.print(f"… {stage.name}, {time.monotonic() - stage.started:.0f} s: {stage.last_line}")


def run_serially(stage: Stage, console: Console) -> None:
    """Run a stage by itself; its output goes to the console as it comes."""
    console.print(f"\n== {stage.name}: {stage.command}")
    stage.run(console)
    console.print(f"== {stage}")


def run_in_parallel(stages: list[Stage], console: Console, logs: Path) -> None:
    """Run the pipelines of these stages side by side. Returns when all have ended."""
    logs.mkdir(parents=True, exist_ok=True)
    failed = threading.Event()

    def run_pipeline(pipeline: list[Stage]) -> None:
        for stage in pipeline:
            if failed.is_set():
                return
            console.print(f"== {stage.name} starts: {stage.command}")
            log = logs / f"{stage.name}.log"
            with log.open("wb") as output:
                stage.run(output)
            console.write(
                f"\n== {stage.name}: {stage.command}\n".encode() + log.read_bytes() + f"== {stage}\n".encode()
            )
            if stage.status:
                failed.set()

    names = dict.fromkeys(stage.pipeline for stage in stages)
    threads = [
        threading.Thread(target=run_pipeline, args=([stage for stage in stages if stage.pipeline == name],))
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run(stages: list[Stage], console: Console, logs: Path) -> int:
    """Run all stages; return the first exit status, in their order, that isn't zero."""
    for parallel, group in groupby(stages, key=lambda stage: bool(stage.pipeline)):
        if parallel:
            run_in_parallel(list(group), console, logs)
        else:
            for stage in group:
                run_serially(stage, console)
                if stage.status:
                    break
        if status := first_failure(stages):
            return status
    return 0


def first_failure(stages: Iterable[Stage]) -> int:
    """The first exit status that isn't zero, or zero."""
    return next((stage.status for stage in stages if stage.status), 0)


def main(arguments: list[str]) -> int:
    """Run the stages and print the table of times; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logs", type=Path, default=Path(".cache/logs"), help="where parallel stages write their logs")
    parser.add_argument("stages", nargs="+", metavar="[PIPELINE/]NAME=COMMAND", type=Stage.parse)
    options = parser.parse_args(arguments)
    began, console = time.monotonic(), Console()
    with Heartbeat(options.stages, console):
        status = run(options.stages, console, options.logs)
    console.print("\nWhere the time went:")
    for stage in options.stages:
        console.print(f"  {stage}{f'  (pipeline {stage.pipeline})' if stage.pipeline else ''}")
    console.print(f"  {'total':<16} {time.monotonic() - began:>7.1f} s")
    return status


def _plain(line: bytes) -> str:
    """A line of output without colours, shortened."""
    return ESCAPE_SEQUENCES.sub(b"", line).decode(errors="replace").strip()[:LAST_LINE_LENGTH]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
