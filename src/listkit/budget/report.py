"""The figures for people and for monitoring: a snapshot, as a table and as Prometheus metrics."""

from __future__ import annotations

import time as clock
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from listkit.budget.account_state import AccountState
from listkit.budget.admission import SUBJECTS
from listkit.budget.controller import QueueController
from listkit.budget.forecast import BULK_SENDER, Forecast
from listkit.budget.ledger import Refusal
from listkit.budget.replies import ADVICE
from listkit.budget.window import Kind, available, used
from listkit.common.prometheus import Metric, Sample

Snapshot = dict[str, Any]
PREFIX = "listkit_budget"
BULK_SENDER_ADVICE = (
    f"→ the accounts together may send {BULK_SENDER} messages or more in a day. If that many go to Gmail, Yahoo or"
    " Outlook, your domain must keep their rules for bulk senders from then on: docs/runbooks/outbound.md#bulk-senders"
)


def snapshot(controller: QueueController, now: float) -> Snapshot:
    """Return all figures of this moment; `listkit budget --json` prints them."""
    return {
        "time": now,
        "accounts": [_account(state, now) for state in controller.states],
        "refused_messages": [_refusal(refusal) for refusal in controller.ledger.refusals().values()],
        "unreadable_messages": sorted(controller.queue.unreadable),
        "dropped_messages": [asdict(dropped) for dropped in controller.ledger.dropped()],
    }


def _account(state: AccountState, now: float) -> Snapshot:
    account, charges, pause, waiting = state.account, state.charges, state.pause, state.waiting
    return {
        "address": account.address,
        "limit": account.limits.recipients,
        "reserve": account.limits.reserve,
        "window_seconds": account.limits.window,
        "used": used(charges, account.limits, now),
        "left": available(charges, account.limits, now, Kind.URGENT),
        "left_for_posts": available(charges, account.limits, now, Kind.POST),
        "strangers_limit": account.limits.maximum(Kind.STRANGER),
        "strangers_used": used([charge for charge in charges if charge.kind == Kind.STRANGER], account.limits, now),
        "in_delivery": sum(charge.recipients for charge in charges if charge.spent_at is None),
        "queued_messages": len(waiting),
        "queued_recipients": sum(message.recipients for message in waiting),
        "next_release": state.next_release(now),
        "pause": pause
        and {
            "reason": pause.reason.value,
            "reply": pause.reply,
            "since": pause.since,
            "until": pause.until,
            "refusals": pause.failures,
            "advice": ADVICE[pause.reason],
        },
        "lists": _lists(state, now),
    }


def _lists(state: AccountState, now: float) -> list[Snapshot]:
    sent: Counter[str] = Counter()
    queued: dict[str, list[int]] = defaultdict(list)
    releases = state.next_releases(now)
    for charge in state.charges:
        sent[charge.list] += charge.recipients
    for message in state.waiting:
        queued[message.list].append(message.recipients)
    return [
        {
            "list": address,
            "used": sent[address],
            "queued_messages": len(queued[address]),
            "queued_recipients": sum(queued[address]),
            "next_release": releases.get(address),
        }
        for address in sorted(state.account.lists.keys() | sent.keys() | queued.keys())
    ]


def _refusal(refusal: Refusal) -> Snapshot:
    return {
        "queue_id": refusal.queue_id,
        "account": refusal.account,
        "reason": refusal.reason.value,
        "reply": refusal.reply,
        "since": refusal.since,
        "next_try": refusal.not_before,
        "refusals": refusal.failures,
        "advice": ADVICE[refusal.reason],
    }


# For people


def table(figures: Snapshot, now: float) -> Iterator[str]:
    """Yield the lines of `listkit budget`."""
    layout = "{:40} {:>6} {:>6} {:>7} {:>7} {:>8}  {}"
    yield layout.format("", "used", "left", "limit", "queued", "messages", "next release")
    for account in figures["accounts"]:
        yield layout.format(
            account["address"], account["used"], account["left"], account["limit"],
            account["queued_recipients"], account["queued_messages"], _when(account["next_release"], now),
        )  # fmt: skip
        for entry in account["lists"]:
            counts = entry["used"], "", "", entry["queued_recipients"], entry["queued_messages"]
            yield layout.format("  " + entry["list"], *counts, _when(entry["next_release"], now))
        if pause := account["pause"]:
            yield f"  paused ({pause['reason']}) until {_when(pause['until'], now)}: {pause['reply']}"
            yield f"    → {pause['advice']}"
    for refusal in (refusal for refusal in figures["refused_messages"] if refusal["next_try"] > now):
        yield f"message {refusal['queue_id']} ({refusal['reason']}), next attempt {_when(refusal['next_try'], now)}:"
        yield f"  {refusal['reply']}"
        yield f"    → {refusal['advice']}"
    for queue_id in figures["unreadable_messages"]:
        yield f"message {queue_id} is unreadable and stays in the queue: `journalctl -u listkit-budget` has the reason"
    for dropped in figures["dropped_messages"]:
        count, subject = dropped["messages"], SUBJECTS[dropped["answer"]]
        yield f"{dropped['list']}: {count} {subject} dropped; more than {dropped['reason']}"


def _when(time: float | None, now: float) -> str:
    if time is None:
        return "-"
    return "now" if time <= now else clock.strftime("%a %H:%M:%S", clock.localtime(time))


def forecast_table(forecasts: Iterable[Forecast]) -> Iterator[str]:
    """Yield the lines of `listkit budget forecast`."""
    layout = "{:40} {:>10} {:>10} {:>10}"
    yield layout.format("recipients per day", "declared", "observed", "limit")
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


def metrics(figures: Snapshot) -> Iterator[Metric]:
    """Yield the metrics. Those that monitoring may alert on exist even while there is nothing to count."""

    def metric(name: str, text: str, samples: Iterable[Sample]) -> Metric:
        return Metric(f"{PREFIX}_{name}", text, samples)

    def of_host(value: float) -> list[Sample]:
        return [Sample(value)]

    def by_account(key: str) -> list[Sample]:
        accounts = [account for account in figures["accounts"] if account[key] is not None]
        return [Sample(account[key], {"account": account["address"]}) for account in accounts]

    def by_list(key: str) -> list[Sample]:
        return [
            Sample(entry[key], {"account": account["address"], "list": entry["list"]})
            for account in figures["accounts"]
            for entry in account["lists"]
            if entry[key] is not None
        ]

    yield metric("last_cycle_timestamp_seconds", "When the figures were taken.", of_host(figures["time"]))
    yield metric("limit_recipients", "Recipients to which the account may send in its window.", by_account("limit"))
    yield metric("reserve_recipients", "Of these, kept for confirmations and notices.", by_account("reserve"))
    yield metric("window_seconds", "Length of the sliding window.", by_account("window_seconds"))
    yield metric("used_recipients", "Recipients sent to in the window that ends now.", by_account("used"))
    yield metric("left_recipients", "Recipients to which urgent mail may go now.", by_account("left"))
    yield metric("left_for_posts_recipients", "Recipients to which posts may go now.", by_account("left_for_posts"))
    yield metric("in_delivery_recipients", "Recipients of mail in delivery.", by_account("in_delivery"))
    yield metric("queued_recipients", "Recipients of the mail on hold.", by_account("queued_recipients"))
    yield metric("queued_messages", "Messages on hold.", by_account("queued_messages"))
    yield metric(
        "next_release_timestamp_seconds",
        "When the next message may leave; absent if none waits, or if that depends on one in delivery.",
        by_account("next_release"),
    )
    yield metric("paused", "1 while the provider's answer keeps the account from sending.", _paused(figures))
    yield metric(
        "refused_messages",
        "Messages that were refused and wait for their next attempt.",
        of_host(len(figures["refused_messages"])),
    )
    yield metric(
        "unreadable_messages",
        "Messages on hold that Postfix cannot read.",
        of_host(len(figures["unreadable_messages"])),
    )
    yield metric(
        "dropped_messages",
        "Automatic answers that were over a limit, since the last summary.",
        of_host(sum(dropped["messages"] for dropped in figures["dropped_messages"])),
    )
    yield metric("strangers_used_recipients", "Of the used, strangers.", by_account("strangers_used"))
    yield metric("strangers_limit_recipients", "Strangers that the account may send to.", by_account("strangers_limit"))
    yield metric("list_used_recipients", "Recipients of a list's mail in the window that ends now.", by_list("used"))
    yield metric("list_queued_recipients", "Recipients of a list's mail on hold.", by_list("queued_recipients"))
    yield metric("list_queued_messages", "Messages of a list on hold.", by_list("queued_messages"))
    yield metric(
        "list_next_release_timestamp_seconds",
        "When a list's next message may leave; absent if none waits, or if that is too far ahead to predict.",
        by_list("next_release"),
    )


def _paused(figures: Snapshot) -> Iterator[Sample]:
    for account in figures["accounts"]:
        reason = account["pause"]["reason"] if account["pause"] else ""
        yield Sample(int(bool(reason)), {"account": account["address"], "reason": reason})
