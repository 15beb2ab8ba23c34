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


def wait_for(condition: Callable[[], T], what: str, seconds: float, every: float = 0.1) -> T:
    """Call `condition` until it returns something true and return that.

    every: seconds between two calls; during a long wait, a twentieth of what it has lasted: looking costs time, too.
    Raises `LabError` naming `what` once `seconds` are over.
    """
    began = time.monotonic()
    while not (result := condition()):
        lasted = time.monotonic() - began
        if lasted > seconds:
            raise LabError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(max(every, lasted / 20))
    return result
