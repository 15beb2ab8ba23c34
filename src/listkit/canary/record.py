"""The last round trip, kept for `listkit check`, and as metrics for Prometheus."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from listkit.canary.trip import RoundTrip
from listkit.common import prometheus
from listkit.common.durable import replace_file
from listkit.common.prometheus import Metric, Sample

PATH = Path("/var/lib/listkit/canary/last.json")
METRICS = Path("/run/listkit-canary/metrics.prom")
_KEYS = "keys.json"
_MODE = 0o644


def save(trip: RoundTrip, path: Path = PATH, metrics_path: Path = METRICS) -> None:
    """Keep a round trip as the last one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = asdict(trip)
    keys = content.pop("keys")
    # Version 0.1.0, to which a site can go back, reads this file, and knows no keys.
    replace_file(path, json.dumps(content), _MODE)
    if keys is not None:
        replace_file(path.with_name(_KEYS), json.dumps(keys), _MODE)
    metrics_path.parent.mkdir(parents=True, exist_ok=True)
    prometheus.write(metrics_path, metrics(trip))


def load(path: Path = PATH) -> RoundTrip | None:
    """Return the last round trip, without its keys; None before the first one. Raises OSError and ValueError."""
    return RoundTrip(**json.loads(path.read_text())) if path.exists() else None


def signing_keys(path: Path = PATH) -> list[str] | None:
    """Return the keys of the last message that returned; None before the first one. Raises OSError and ValueError."""
    keys: list[str] | None = json.loads(file.read_text()) if (file := path.with_name(_KEYS)).exists() else None
    return keys


def metrics(trip: RoundTrip) -> Iterator[Metric]:
    """Yield the metrics. A leg that was not made has no duration."""

    def metric(name: str, text: str, *samples: Sample) -> Metric:
        return Metric(f"listkit_canary_{name}", text, samples)

    yield metric("success", "1 if the last canary returned.", Sample(int(trip.returned)))
    yield metric("in_spam", "1 if the provider's filter moved the last canary.", Sample(int(trip.in_spam)))
    yield metric("last_sent_timestamp_seconds", "When the last canary was sent.", Sample(trip.sent))
    yield metric(
        "leg_seconds",
        "Seconds that each leg of the last canary took.",
        *(Sample(seconds, {"leg": leg}) for leg, seconds in trip.legs.items()),
    )
