# SPDX-License-Identifier: MIT
"""The lists that exist as the YAML that `mailman_lists` reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml
from ansible_collections.listkit.kit.plugins.plugin_utils.declared_lists import (
    MEMBERS_FROM,
    ROSTER_KEYS,
    SUBSCRIPTION,
    SUBSCRIPTION_POLICIES,
)
from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import list_address

# Keys of a list that Mailman doesn't store.
NOT_MAILMANS = ("archive_keep", "expected_members", "posts_per_day", "hold_spam")
_KEPT_ABOUT_MEMBERS = (*ROSTER_KEYS, MEMBERS_FROM)
_POLICY = "subscription_policy"
_CLOSED = "closed"
_WIDTH = 120
# Ansible would evaluate a text with one of these.
_TEMPLATE_MARKS = ("{{", "{%", "{#")

HEAD = """\
# The lists of this site, as they are in Mailman. Written by playbooks/export_lists.yml.
# A setting that every new list has isn't here.
"""


def entries(
    live: Iterable[Mapping[str, Any]], declared: Iterable[Mapping[str, Any]], domain: str
) -> list[dict[str, Any]]:
    """Return `live` lists, as listkit.mailman3.mailing_lists_info returns them, as entries of `mailman_lists`.

    What only the inventory knows of them is taken from `declared`, the current value of `mailman_lists`.
    """
    known = {list_address(item["name"], domain): item for item in declared}
    return [_entry(item, known.get(item["name"], {}), domain) for item in live]


def _entry(live: Mapping[str, Any], declared: Mapping[str, Any], domain: str) -> dict[str, Any]:
    local, _at, list_domain = live["name"].partition("@")
    entry = {**live, "name": local if list_domain == domain else live["name"]}
    if "members" in live:
        entry["members"] = live["members"]["entries"]
    settings = dict(entry.pop("settings", {}))
    subscription = _subscription(settings, closed=declared.get(SUBSCRIPTION) == _CLOSED)
    if subscription:
        entry[SUBSCRIPTION] = subscription
        del settings[_POLICY]
    if settings:
        entry["settings"] = settings
    kept = NOT_MAILMANS if "members" in live else (*_KEPT_ABOUT_MEMBERS, *NOT_MAILMANS)
    return {**entry, **{key: declared[key] for key in kept if key in declared}}


def _subscription(settings: Mapping[str, Any], *, closed: bool) -> str | None:
    """Return how people subscribe, in the inventory's words; None if it is as usual, or has no such word."""
    policy = settings.get(_POLICY)
    if closed and policy == SUBSCRIPTION_POLICIES[_CLOSED]:
        return _CLOSED
    return policy if policy in SUBSCRIPTION_POLICIES else None


def as_yaml(lists: Sequence[Mapping[str, Any]], left_out: Iterable[Mapping[str, str]] = (), head: str = HEAD) -> str:
    """Return the file: a head, what is missing and why, and `lists` as the value of `mailman_lists`."""
    missing = [f"# Not here: {item['list']}: {item['option']}: {_line(item['reason'])}\n" for item in left_out]
    body = yaml.dump({"mailman_lists": lists}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return "".join(["---\n", head, *missing, body])


def _line(text: str) -> str:
    return " ".join(text.split())


class _Dumper(yaml.SafeDumper):
    """Writes lines of text as lines, and keeps Ansible from evaluating texts."""

    def increase_indent(self, flow=False, indentless=False):
        """Indent the items of a list below its key."""
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data):
        """Write everything where it belongs, equal values too."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    tag = "!unsafe" if any(mark in text for mark in _TEMPLATE_MARKS) else "tag:yaml.org,2002:str"
    return dumper.represent_scalar(tag, str(text), style="|" if "\n" in text else None)


# Ansible's values are of classes of its own, which are derived from these.
_Dumper.add_representer(str, _text)
_Dumper.add_multi_representer(str, _text)
_Dumper.add_multi_representer(int, yaml.SafeDumper.represent_int)
_Dumper.add_multi_representer(float, yaml.SafeDumper.represent_float)
_Dumper.add_multi_representer(dict, yaml.SafeDumper.represent_dict)
_Dumper.add_multi_representer(list, yaml.SafeDumper.represent_list)
