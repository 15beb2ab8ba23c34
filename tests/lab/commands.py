"""Running programs and waiting, with errors that tell what was run."""

import fcntl
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from lab.errors import LabError

T = TypeVar("T")


def run(*argv: str | Path, stdin: str | None = None, check: bool = True) -> str:
    """Run a program and return its output; on failure raise `LabError` with what it said."""
    words = [str(word) for word in argv]
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise LabError(f"{shlex.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file: others who want it wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def wait_for(
    condition: Callable[[], T], what: str, seconds: float, every: float = 0.1, slowing_to: float | None = None
) -> T:
    """Call `condition` until it returns something true and return that.

    every: seconds between two calls; with `slowing_to` the pause grows up to that, so that a long wait costs little.
    Raises `LabError` naming `what` once `seconds` are over.
    """
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise LabError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(every)
        every = min(every * 1.3, max(slowing_to or every, every))
    return result
