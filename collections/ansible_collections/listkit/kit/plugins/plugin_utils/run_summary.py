# SPDX-License-Identifier: MIT
"""The end of a run in a few lines."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.listkit.kit.plugins.plugin_utils import mail_plans
from ansible_collections.listkit.mailman3.plugins.module_utils.mailing_lists import loss

INDENT = "  "


@dataclass(frozen=True)
class HostCheck:
    """The outcome of `listkit check` on one host. `report`: the findings that need attention."""

    host: str
    passed: bool
    report: str = ""


def summary(
    warnings: Sequence[str],
    lists: Mapping[str, Any],
    aliases: str,
    forecast: str,
    checks: Sequence[HostCheck],
    *,
    failures: Sequence[str] = (),
    dns: str = "",
    plan_assumed: bool = False,
    check_mode: bool = False,
) -> str:
    """Return the summary of a run; empty parts are left out.

    `lists`: the result of `listkit.mailman3.mailing_lists`; `aliases`, `forecast`, `dns`: texts to show;
    `failures`: what the run could not do, one line each; `plan_assumed`: whether the operator has named no mail plan.
    """
    parts = [
        _section("Warnings", "\n".join(f"- {line}" for line in [*warnings, *list_warnings(lists, check_mode)])),
        _section("Not done", "\n".join(f"- {line}" for line in failures)),
        _section("DNS", dns),
        _section("Aliases", aliases),
        _section("Outgoing mail", f"{mail_plans.assumption()}\n{forecast}" if plan_assumed else forecast),
        *(
            _section(f"{'Warnings' if check.passed else 'Failed checks'} on {check.host}", check.report)
            for check in checks
        ),
        _result(checks, failures),
    ]
    return "\n\n".join(part for part in parts if part)


def list_warnings(lists: Mapping[str, Any], check_mode: bool = False) -> list[str]:
    """Return the warnings about lists that are removed, not declared, or set differently."""
    removed = "would be removed" if check_mode else "was removed"
    drift = {item["list"]: item["settings"] for item in lists.get("drift", [])}
    found = [f"{item['list']} {removed}, with {loss(item)}" for item in lists.get("removed", [])]
    for address in lists.get("undeclared", []):
        settings = ", ".join(f"{name} is {value}" for name, value in drift.get(address, {}).items())
        differing = f"; unlike the declared lists, {settings}" if settings else ""
        found.append(f"{address} exists but is not declared in mailman_lists; it was left unchanged{differing}")
    return found


def _section(title: str, text: str) -> str:
    return f"{title}\n{textwrap.indent(text.strip(), INDENT)}" if text.strip() else ""


def _result(checks: Sequence[HostCheck], failures: Sequence[str]) -> str:
    failed = [check.host for check in checks if not check.passed]
    if failed:
        return f"Result: checks failed on {', '.join(failed)}; each line above has its remedy."
    if failures:
        return "Result: something was not done; each line above has the reason."
    return "Result: all checks passed." if checks else "Result: the hosts were not checked."
