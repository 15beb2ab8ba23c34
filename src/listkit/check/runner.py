"""Which checks run on this host, and running them all at once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path

from listkit.check import inspection, reuse, units
from listkit.check.components import EVERYWHERE, MODULES
from listkit.check.finding import PLAYBOOK, Check, Finding, Status
from listkit.check.settings import Host, Settings, read
from listkit.common.configuration import ConfigurationError, Table, load

DIRECTORY = Path("/etc/listkit/check.d")
AT_ONCE = 16
RETRY_SECONDS = 0.5
NEEDS_ROOT = "`sudo listkit check`"


@dataclass(frozen=True)
class Component:
    """A component on this host, and its checks."""

    name: str
    checks: list[Check]


def components(directory: Path | None = None) -> list[Component]:
    """Return the components of this host in the order of `MODULES`; then those that have units and ports only."""
    host = Host()
    files = {path.stem: path for path in sorted((directory or DIRECTORY).glob("*.json"))}
    found = []
    for name in [*MODULES, *(files.keys() - MODULES.keys())]:
        if name in files:
            found.append(Component(name, _checks_of(name, files[name], host)))
        elif name in EVERYWHERE:
            found.append(Component(name, _own_checks(name, Settings((), Table({}), host))))
    return found


def run(
    selected: Collection[Component], wait: float = 0, look: Callable[[Component, Check], list[Finding]] | None = None
) -> list[tuple[str, Finding]]:
    """Run the checks of these components; return the findings with the component's name, in order.

    Failing checks are retried for `wait` seconds, warnings are not. look: in place of `perform`.
    """
    pairs = [(component, check) for component in selected for check in component.checks]
    looks = [partial(look, *pair) if look else partial(perform, pair[1]) for pair in pairs]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = retry(looks, wait, pool)
    return [(one.name, finding) for (one, _), findings in zip(pairs, results, strict=True) for finding in findings]


def run_regularly(selected: Collection[Component]) -> list[tuple[str, Finding]]:
    """Run the checks of these components as `run` does, and reuse findings that don't have to be recent."""
    looks = reuse.load()

    def look(component: Component, check: Check) -> list[Finding]:
        return looks.findings(component.name, check, time.time(), partial(perform, check))

    found = run(selected, look=look)
    reuse.save(looks)
    return found


def inspect() -> dict[str, list[Finding]]:
    """Return the findings of the checks that the unit of the inspection makes, by their names."""
    return {check.name: perform(check) for one in components() for check in one.checks if check.inspects}


def retry(looks: Sequence[Callable[[], list[Finding]]], wait: float, pool: Executor) -> list[list[Finding]]:
    """Return the findings of each look. Those that fail are repeated until they pass, or `wait` seconds are over.

    When they have passed, all are repeated once more: in the meantime another one may have begun to fail.
    """
    deadline = time.monotonic() + wait
    results = list(pool.map(_call, looks))
    while (failing := [place for place, found in enumerate(results) if _fails(found)]) and time.monotonic() < deadline:
        time.sleep(RETRY_SECONDS)
        for place, found in zip(failing, pool.map(_call, [looks[place] for place in failing]), strict=True):
            results[place] = found
        if not any(map(_fails, results)):
            results = list(pool.map(_call, looks))
    return results


def _call(look: Callable[[], list[Finding]]) -> list[Finding]:
    return look()


def _fails(findings: list[Finding]) -> bool:
    return any(finding.status in (Status.CRITICAL, Status.UNKNOWN) for finding in findings)


def perform(check: Check) -> list[Finding]:
    """Run a check. One that cannot be carried out is a finding, and must not keep the others from theirs."""
    is_root, inspects_elsewhere = os.geteuid() == 0, check.inspects and not inspection.possible()
    if check.needs_root and not is_root and (inspects_elsewhere or not check.inspects):
        return [Finding.unknown(check.name, "needs root", NEEDS_ROOT)]
    try:
        return inspection.ask(check.name) if is_root and inspects_elsewhere else list(check.run())
    except PermissionError as error:
        if os.geteuid():
            return [Finding.unknown(check.name, f"needs root: {error.filename or error}", NEEDS_ROOT)]
        return [Finding.unknown(check.name, str(error), PLAYBOOK)]
    except Exception as error:  # a fault of one check; the text names it
        seen = f"the check failed: {type(error).__name__}: {error}"
        return [Finding.unknown(check.name, seen, f"{PLAYBOOK} writes its settings and data again; else report this")]


def _checks_of(name: str, path: Path, host: Host) -> list[Check]:
    def build(table: Table) -> list[Check]:
        settings = read(table, host)
        return [Check("units", lambda: units.check_units(settings.units)), *_own_checks(name, settings)]

    try:
        return load(path, build)
    except ConfigurationError as error:
        host.unusable.add(name)
        return [Check("settings", partial(_unusable, error))]


def _own_checks(name: str, settings: Settings) -> list[Check]:
    if name not in MODULES:
        return []
    checks: list[Check] = import_module(MODULES[name]).checks(settings)
    return checks


def _unusable(error: ConfigurationError) -> Iterator[Finding]:
    if isinstance(error.__cause__, PermissionError) and os.geteuid():
        yield Finding.unknown("settings", f"needs root: {error}", NEEDS_ROOT)
    else:
        yield Finding.unknown("settings", "; ".join(str(error).splitlines()), PLAYBOOK)
