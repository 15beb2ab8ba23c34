"""The findings as metrics for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from listkit.check.finding import Figure, Finding, Status, worst
from listkit.common import prometheus
from listkit.common.prometheus import Metric, Sample

PATH = Path("/run/listkit-alert/metrics.prom")
# Metric → its label, empty without one, and its meaning. `mailman3_…` are named as by Infomaniak's mailman3_exporter.
FIGURES = {
    "mailman3_up": ("", "1 while Mailman's REST API can be used, 0 while it can't."),
    "mailman3_domains": ("", "Mail domains."),
    "mailman3_lists": ("", "Lists."),
    "mailman3_users": ("", "Users, each perhaps with several addresses."),
    "mailman3_list_members": ("list", "Members of each list."),
    "mailman3_queues": ("queue", "Messages in each of Mailman's queues."),
    "listkit_held_posts": ("list", "Posts that wait for a moderator."),
    "listkit_web_page_seconds": ("", "Seconds until the page with all lists was sent."),
    "listkit_web_archived_posts": ("", "Posts in the archive."),
    "listkit_web_unindexed_posts": ("", "Posts in the archive that the search doesn't find."),
    "listkit_web_waiting_jobs": ("", "Background jobs of the web interface that wait."),
    "listkit_web_oldest_job_timestamp_seconds": ("", "Since when the oldest of these has waited."),
    "listkit_certificate_not_after_timestamp_seconds": ("", "Until when the certificate of the web server is valid."),
}


def write(findings: Iterable[tuple[str, Finding]], now: float, path: Path | None = None) -> None:
    """Replace the file with the metrics. now: in seconds since 1970."""
    target = path or PATH
    target.parent.mkdir(parents=True, exist_ok=True)
    prometheus.write(target, metrics(list(findings), now))


def metrics(findings: Iterable[tuple[str, Finding]], now: float) -> Iterator[Metric]:
    """Yield the metrics: for each check the most severe of its findings. A check that was not possible is absent."""
    most_severe: dict[tuple[str, str], Finding] = {}
    measured: dict[str, Figure] = {}
    for component, finding in findings:
        measured.update(finding.figures)
        key = (component, finding.name)
        if key not in most_severe or worst([finding, most_severe[key]]) is not most_severe[key].status:
            most_severe[key] = finding
    samples = [
        Sample(finding.status.exit_status, {"component": component, "check": name})
        for (component, name), finding in most_severe.items()
        if finding.status is not Status.UNKNOWN
    ]
    yield Metric("listkit_check_status", "0 ok, 1 warning, 2 critical; absent if it could not be checked.", samples)
    yield Metric("listkit_check_timestamp_seconds", "When the checks ran.", [Sample(now)])
    for name, (label, text) in FIGURES.items():
        yield Metric(name, text, _samples(label, measured.get(name, {})))


def _samples(label: str, figure: Figure) -> list[Sample]:
    if isinstance(figure, Mapping):
        return [Sample(value, {label: key}) for key, value in figure.items()]
    return [Sample(figure)]
