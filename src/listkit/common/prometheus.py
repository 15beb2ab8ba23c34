"""Metrics in Prometheus' text format, as a file for node exporter's textfile collector."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from listkit.common.durable import replace_file


@dataclass(frozen=True)
class Sample:
    """One value of a metric, and the labels that tell it from the others."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Metric:
    """A metric with its samples. Without samples it is left out: an unknown value must not read as 0."""

    name: str
    help: str
    samples: Iterable[Sample]
    kind: Literal["gauge", "counter"] = "gauge"


def render(metrics: Iterable[Metric]) -> str:
    """Return the metrics in the text format."""
    return "".join(f"{line}\n" for metric in metrics for line in _lines(metric))


def write(path: Path, metrics: Iterable[Metric]) -> None:
    """Replace the file `path`, readable for everyone; a reader sees the old metrics or the new ones."""
    replace_file(path, render(metrics), 0o644)


def _lines(metric: Metric) -> Iterator[str]:
    samples = [f"{metric.name}{_labels(sample.labels)} {sample.value:.15g}" for sample in metric.samples]
    if samples:
        yield f"# HELP {metric.name} {metric.help}"
        yield f"# TYPE {metric.name} {metric.kind}"
        yield from samples


def _labels(labels: Mapping[str, str]) -> str:
    pairs = (f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}" if labels else ""


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
