"""Whether a word stands in a command line or an environment of any process, at any moment of a time."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from lab import Host

UNIT, WORDS, SEEN = "watch-processes", "/run/watched-words", "/run/seen-words"
_WATCH = f"""
import pathlib, time
words = pathlib.Path("{WORDS}").read_bytes().split()
with open("{SEEN}", "wb", buffering=0) as seen:
    while True:
        for file in [*pathlib.Path("/proc").glob("[0-9]*/cmdline"), *pathlib.Path("/proc").glob("[0-9]*/environ")]:
            try:
                text = file.read_bytes()
            except OSError:  # it has ended
                continue
            if any(word in text for word in words):
                seen.write(text.replace(b"\\0", b" ").replace(b"\\n", b" ") + b"\\n")
        time.sleep(0.01)
"""


@contextmanager
def watched(host: Host, words: Iterable[str]) -> Iterator[Callable[[], list[str]]]:
    """Watch for the words; yield what gives the command lines and environments that had one so far.

    A process that is gone within some ten milliseconds may be missed.
    """
    decoy = f"decoy-{secrets.token_hex(8)}"
    host.write(WORDS, "\n".join([decoy, *words]), mode="0600")
    watch = shlex.join(["python3", "-c", _WATCH])
    host.run(f"systemd-run --quiet --collect --unit={UNIT} --property=UMask=0077 {watch}")

    def seen() -> list[str]:
        host.run(f"until grep -q {decoy} {SEEN}; do sh -c 'sleep 0.2' {decoy}; done", timeout=60)
        lines = host.run(f"cat {SEEN}").splitlines()
        return [line for line in lines if decoy not in line]

    try:
        yield seen
    finally:
        host.run(f"systemctl stop {UNIT}; rm -f {WORDS} {SEEN}")
