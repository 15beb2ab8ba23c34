"""Changes to other projects' code at run time, each guarded by what that code must look like.

A patch names the functions and classes that it replaces, wraps or calls, with the parameters that they had in the
releases that were read. Where one of them differs, after an upgrade for instance, the patch is not applied: the process
starts without it, and the failure is logged and recorded below `DIRECTORY`, where `listkit check` finds it.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import logging
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from listkit.common.durable import replace_file

DIRECTORY = Path("/run/listkit/patches")
"""One file for each process, `<project>/<process>.json`: `{"failed": [{"patch", "upstream", "reason"}]}`."""

DIGEST_LENGTH = 12

log = logging.getLogger(__name__)


class Mismatch(Exception):
    """A target is not what the patch was written for; the text names it and says why."""


@dataclass(frozen=True)
class Target:
    """A function, method or class of another project.

    name: `module:qualified.name`.
    parameters: as `inspect.signature` prints them, without annotations; `…` at the end stands for any further ones, and
    None for any at all.
    sources: the digests (see `source_digest`) of the releases that were read; empty where the text doesn't matter.
    alternative: where a release has it under another name.
    """

    name: str
    parameters: str | None = None
    sources: tuple[str, ...] = ()
    alternative: Target | None = None

    def find(self) -> Any:
        """Return the object. Raises Mismatch if it is missing or different from what was read."""
        try:
            return self._find()
        except Mismatch:
            if self.alternative is None:
                raise
            return self.alternative.find()

    def names(self) -> list[str]:
        """Return the name, and that of each alternative."""
        return [self.name, *(self.alternative.names() if self.alternative else [])]

    def _find(self) -> Any:
        module, _, path = self.name.partition(":")
        try:
            found: Any = importlib.import_module(module)
            for attribute in path.split("."):
                found = getattr(found, attribute)
            if self.parameters is not None and not _matches(actual := signature(found), self.parameters):
                raise Mismatch(f"{self.name} has the parameters {actual}, not {self.parameters}")
            if self.sources and (digest := source_digest(found)) not in self.sources:
                raise Mismatch(f"the source of {self.name} has the digest {digest}, not {' or '.join(self.sources)}")
        except (ImportError, AttributeError, TypeError, ValueError, OSError) as error:
            raise Mismatch(f"{self.name}: {error}") from error
        return found


@dataclass(frozen=True)
class Patch:
    """One change to another project's behaviour.

    purpose: what goes wrong without it.
    upstream: the address of the issue, or "none filed".
    read_in: the releases whose source was read.
    fallback: what happens where the patch cannot be applied.
    otherwise: called there, if something has to be done.
    """

    name: str
    purpose: str
    upstream: str
    read_in: tuple[str, ...]
    fallback: str
    targets: tuple[Target, ...]
    apply: Callable[[], None]
    otherwise: Callable[[], None] | None = None

    def verify(self) -> None:
        """Raise Mismatch unless every target is as it was read."""
        for target in self.targets:
            target.find()


@dataclass(frozen=True)
class Failure:
    """A patch that is not applied."""

    patch: str
    upstream: str
    reason: str


@dataclass
class Patching:
    """The patches of one process. `process` names the record: `<project>/<process>`."""

    process: str
    directory: Path = DIRECTORY
    applied: set[str] = field(default_factory=set)
    failures: list[Failure] = field(default_factory=list)

    def apply(self, patches: Iterable[Patch]) -> bool:
        """Apply each patch whose targets are as it expects, once; return whether all of `patches` are in place."""
        patches = list(patches)
        for patch in patches:
            if patch.name not in self.applied:
                self._apply(patch)
        self._record()
        return all(patch.name in self.applied for patch in patches)

    def _apply(self, patch: Patch) -> None:
        try:
            patch.verify()
            patch.apply()
        except Exception as error:
            reason = str(error) if isinstance(error, Mismatch) else f"{type(error).__name__}: {error}"
            log.error("The patch %s is not applied: %s", patch.name, reason, exc_info=not isinstance(error, Mismatch))
            self.failures = [failure for failure in self.failures if failure.patch != patch.name]
            self.failures.append(Failure(patch.name, patch.upstream, reason))
            if patch.otherwise:
                patch.otherwise()
        else:
            self.applied.add(patch.name)

    def _record(self) -> None:
        path = self.directory / f"{self.process}.json"
        try:
            replace_file(path, json.dumps({"failed": [asdict(failure) for failure in self.failures]}))
        except OSError as error:
            # A periodic job may not write there; the service records the same failures.
            log.debug("%s: %s", path, error)


def recorded_failures(directory: Path = DIRECTORY) -> dict[str, list[Failure]]:
    """Return the failures by process. Raises ValueError, naming the file, for a record that can't be read."""
    found = {}
    for path in sorted(directory.glob("*/*.json")):
        process = str(path.relative_to(directory).with_suffix(""))
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))["failed"]
            found[process] = [Failure(**entry) for entry in entries]
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{path}: {error}") from error
    return found


def signature(function: Callable) -> str:
    """Return the parameters of `function` as text, without annotations."""
    plain = inspect.signature(function)
    parameters = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in plain.parameters.values()]
    return str(plain.replace(parameters=parameters, return_annotation=inspect.Signature.empty))


def _matches(parameters: str, expected: str) -> bool:
    return parameters.startswith(expected[:-1]) if expected.endswith("…") else parameters == expected


def source_digest(function: Callable) -> str:
    """Return the beginning of the SHA-256 of the source text, without its indentation."""
    text = textwrap.dedent(inspect.getsource(function)).strip()
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]
