"""The findings as metrics for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from listkit.check.finding import Finding, Status
from listkit.common import prometheus
from listkit.common.prometheus import Metric, Sample

PATH = Path("/run/listkit-alert/metrics.prom")


def write(findings: Iterable[tuple[str, Finding]], now: float, path: Path | None = None) -> None:
    """Replace the file with the metrics. now: in seconds since 1970."""
    target = path or PATH
    target.parent.mkdir(parents=True, exist_ok=True)
    prometheus.write(target, metrics(findings, now))


def metrics(findings: Iterable[tuple[str, Finding]], now: float) -> Iterator[Metric]:
    """Yield the metrics: for each check the most severe of its findings. A check that was not possible is absent."""
    most_severe: dict[tuple[str, str], Finding] = {}
    for component, finding in findings:
        key = (component, finding.name)
        if key not in most_severe or finding.status.exit_status > most_severe[key].status.exit_status:
            most_severe[key] = finding
    samples = [
        Sample(finding.status.exit_status, {"component": component, "check": name})
        for (component, name), finding in most_severe.items()
        if finding.status is not Status.UNKNOWN
    ]
    yield Metric("listkit_check_status", "0 ok, 1 warning, 2 critical; absent if it could not be checked.", samples)
    yield Metric("listkit_check_timestamp_seconds", "When the checks ran.", [Sample(now)])
