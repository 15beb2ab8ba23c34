"""The numbers that people and monitoring see: a snapshot, as a table and as Prometheus metrics."""

from __future__ import annotations

import time as clock
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from listkit.budget.forecast import Forecast
from listkit.budget.ledger import Trouble
from listkit.budget.outlook import Outlook
from listkit.budget.replies import ADVICE
from listkit.budget.valve import Valve
from listkit.budget.window import room, used

Snapshot = dict[str, Any]
# What monitoring may want to alert on even while all is well, so the series always exist.
PREFIX = "listkit_budget"


def snapshot(valve: Valve, now: float) -> Snapshot:
    """All numbers of this moment; `listkit budget --json` prints it as it is."""
    return {
        "time": now,
        "accounts": [_account(outlook, now) for outlook in valve.outlooks],
        "refused_messages": [_trouble(trouble) for trouble in valve.ledger.troubles().values()],
        "unreadable_messages": sorted(valve.queue.unreadable),
    }


def _account(outlook: Outlook, now: float) -> Snapshot:
    account, charges, pause, waiting = outlook.account, outlook.charges, outlook.pause, outlook.waiting
    return {
        "address": account.address,
        "limit": account.limits.recipients,
        "reserve": account.limits.reserve,
        "window_seconds": account.limits.window,
        "used": used(charges, account.limits, now),
        "left": room(charges, account.limits, now, urgent=True),
        "left_for_posts": room(charges, account.limits, now, urgent=False),
        "on_the_way": sum(charge.recipients for charge in charges if charge.spent_at is None),
        "queued_messages": len(waiting),
        "queued_recipients": sum(message.recipients for message in waiting),
        "next_release": outlook.next_release(now),
        "pause": pause
        and {
            "meaning": pause.meaning.value,
            "reply": pause.reply,
            "since": pause.since,
            "until": pause.until,
            "refusals": pause.failures,
            "advice": ADVICE[pause.meaning],
        },
        "lists": _lists(outlook, now),
    }


def _lists(outlook: Outlook, now: float) -> list[Snapshot]:
    sent, queued, releases = Counter(), defaultdict(list), outlook.next_releases(now)
    for charge in outlook.charges:
        sent[charge.list] += charge.recipients
    for message in outlook.waiting:
        queued[message.list].append(message.recipients)
    return [
        {
            "list": address,
            "used": sent[address],
            "queued_messages": len(queued[address]),
            "queued_recipients": sum(queued[address]),
            "next_release": releases.get(address),
        }
        for address in sorted(outlook.account.lists.keys() | sent.keys() | queued.keys())
    ]


def _trouble(trouble: Trouble) -> Snapshot:
    return {
        "queue_id": trouble.queue_id,
        "account": trouble.account,
        "meaning": trouble.meaning.value,
        "reply": trouble.reply,
        "since": trouble.since,
        "next_try": trouble.not_before,
        "refusals": trouble.failures,
        "advice": ADVICE[trouble.meaning],
    }


# For people


def table(seen: Snapshot, now: float) -> Iterator[str]:
    """The lines of `listkit budget`."""
    layout = "{:40} {:>6} {:>6} {:>7} {:>7} {:>8}  {}"
    yield layout.format("", "used", "left", "limit", "queued", "messages", "next release")
    for account in seen["accounts"]:
        yield layout.format(
            account["address"], account["used"], account["left"], account["limit"],
            account["queued_recipients"], account["queued_messages"], _when(account["next_release"], now),
        )  # fmt: skip
        for entry in account["lists"]:
            counts = entry["used"], "", "", entry["queued_recipients"], entry["queued_messages"]
            yield layout.format("  " + entry["list"], *counts, _when(entry["next_release"], now))
        if pause := account["pause"]:
            yield f"  pauses ({pause['meaning']}) until {_when(pause['until'], now)}: {pause['reply']}"
            yield f"    → {pause['advice']}"
    for trouble in (trouble for trouble in seen["refused_messages"] if trouble["next_try"] > now):
        yield f"message {trouble['queue_id']} ({trouble['meaning']}), next try {_when(trouble['next_try'], now)}:"
        yield f"  {trouble['reply']}"
        yield f"    → {trouble['advice']}"
    for queue_id in seen["unreadable_messages"]:
        yield f"message {queue_id} can't be read, and stays: journalctl -u listkit-budget says why"


def _when(time: float | None, now: float) -> str:
    if time is None:
        return "-"
    return "now" if time <= now else clock.strftime("%a %H:%M:%S", clock.localtime(time))


def forecast_table(forecasts: Iterable[Forecast]) -> Iterator[str]:
    """The lines of `listkit budget forecast`."""
    layout = "{:40} {:>10} {:>10} {:>10}"
    yield layout.format("recipients per day", "declared", "observed", "may be")
    for forecast in forecasts:
        observed = [need.observed for need in forecast.needs if need.observed is not None]
        yield layout.format(
            forecast.account,
            sum(need.declared for need in forecast.needs),
            _round(sum(observed) if observed else None),
            _round(forecast.per_day),
        )
        for need in forecast.needs:
            yield layout.format("  " + need.list, need.declared, _round(need.observed), "").rstrip()
        if not forecast.fits:
            yield f"  → needs {forecast.needed:.0f} a day: add an account, or ask the provider for a higher limit"


def _round(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


# For Prometheus


def metrics(seen: Snapshot) -> Iterator[str]:
    """The lines of a file in Prometheus' text format."""
    for name, text, samples in _families(seen):
        yield f"# HELP {PREFIX}_{name} {text}"
        yield f"# TYPE {PREFIX}_{name} gauge"
        for labels, value in samples:
            pairs = ",".join(f'{key}="{_escape(label)}"' for key, label in labels.items())
            yield f"{PREFIX}_{name}{{{pairs}}} {value}" if pairs else f"{PREFIX}_{name} {value}"


def _families(seen: Snapshot) -> Iterator[tuple[str, str, list[tuple[dict[str, str], float]]]]:
    def by_account(key: str) -> list[tuple[dict[str, str], float]]:
        return [({"account": account["address"]}, account[key]) for account in seen["accounts"]]

    def by_list(key: str) -> list[tuple[dict[str, str], float]]:
        return [
            ({"account": account["address"], "list": entry["list"]}, entry[key])
            for account in seen["accounts"]
            for entry in account["lists"]
        ]

    yield "turn_timestamp_seconds", "When the numbers were taken.", [({}, seen["time"])]
    yield "limit_recipients", "Recipients that the account may send to in its window.", by_account("limit")
    yield "reserve_recipients", "Of these, kept for confirmations and notices.", by_account("reserve")
    yield "window_seconds", "Length of the sliding window.", by_account("window_seconds")
    yield "used_recipients", "Recipients sent to in the window that ends now.", by_account("used")
    yield "left_recipients", "Recipients that urgent mail may be sent to now.", by_account("left")
    yield "left_for_posts_recipients", "Recipients that posts may be sent to now.", by_account("left_for_posts")
    yield "on_the_way_recipients", "Recipients of the mail that Postfix is delivering.", by_account("on_the_way")
    yield "queued_recipients", "Recipients of the mail on hold.", by_account("queued_recipients")
    yield "queued_messages", "Messages on hold.", by_account("queued_messages")
    yield (
        "next_release_timestamp_seconds",
        "When the next message may go; missing where none waits, or where it hangs on one that is on its way.",
        [sample for sample in by_account("next_release") if sample[1] is not None],
    )
    yield (
        "paused",
        "1 while the provider's answer keeps the account from sending.",
        [
            ({"account": account["address"], "meaning": (account["pause"] or {}).get("meaning", "")},
             int(account["pause"] is not None))
            for account in seen["accounts"]
        ],
    )  # fmt: skip
    yield (
        "refused_messages",
        "Messages that were refused and wait for their next try.",
        [({}, len(seen["refused_messages"]))],
    )
    yield (
        "unreadable_messages",
        "Messages on hold that Postfix can't read.",
        [({}, len(seen["unreadable_messages"]))],
    )
    yield "list_used_recipients", "Recipients that a list has sent to in the window that ends now.", by_list("used")
    yield "list_queued_recipients", "Recipients of a list's mail on hold.", by_list("queued_recipients")
    yield "list_queued_messages", "Messages of a list on hold.", by_list("queued_messages")
    yield (
        "list_next_release_timestamp_seconds",
        "When a list's next message may go; missing where none waits, or where that is too far ahead to tell.",
        [sample for sample in by_list("next_release") if sample[1] is not None],
    )


def _escape(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
