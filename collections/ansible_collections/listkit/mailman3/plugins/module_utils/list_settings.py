# SPDX-License-Identifier: MIT
"""The settings of a list in Mailman's REST interface: the one place that knows their names and types.

Read from Mailman 3.3.8 and 3.3.10 (`mailman/rest/listconf.py`), which differ in `dmarc_addresses` alone.
"""

from __future__ import annotations

import difflib
import re
from typing import Any

_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)([wdhms])")
_SECONDS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_WORDS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


class Setting:
    """One kind of setting: what may be declared, how it is sent, and when two values are the same."""

    example: str

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with `value`, or None."""
        raise NotImplementedError

    def encode(self, value: Any) -> Any:
        """Return `value` as a form field for Mailman."""
        return str(value)

    def normal(self, value: Any) -> Any:
        """Return what is compared: equal for a declared value and for Mailman's answer that means the same."""
        return value


class Choice(Setting):
    """One of several words."""

    def __init__(self, *words: str):
        self.words = words
        self.example = words[0]

    def problem(self, value):
        """See Setting."""
        return None if value in self.words else f"must be one of {', '.join(self.words)}"


class Flag(Setting):
    """Yes or no."""

    example = "true"

    def problem(self, value):
        """See Setting."""
        return None if isinstance(self.normal(value), bool) else "must be true or false"

    def encode(self, value):
        """See Setting."""
        return str(self.normal(value))

    def normal(self, value):
        """See Setting."""
        return _WORDS.get(value.lower(), value) if isinstance(value, str) else value


class Number(Setting):
    """A number that is not negative."""

    def __init__(self, kind: type[int | float], example: str):
        self._kind, self.example = kind, example

    def problem(self, value):
        """See Setting."""
        number = self.normal(value)
        if isinstance(value, bool) or not isinstance(number, self._kind) or number < 0:
            return f"must be {'a whole number' if self._kind is int else 'a number'}, zero or more"
        return None

    def normal(self, value):
        """See Setting."""
        try:
            return self._kind(str(value))
        except ValueError:
            return None


class Text(Setting):
    """Text of one line, or of several."""

    example = "News for our members"

    def __init__(self, lines: bool = False):
        self._lines = lines

    def problem(self, value):
        """See Setting."""
        if not isinstance(value, (str, int, float)) or isinstance(value, bool):
            return "must be text"
        return "must be a single line" if not self._lines and "\n" in str(value) else None

    def normal(self, value):
        """See Setting."""
        return str(value)


class Texts(Setting):
    """A list of texts, in whatever order."""

    example = "[ana@example.org, '^.*@example[.]net$']"

    def problem(self, value):
        """See Setting."""
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            return "must be a list of texts"
        return None

    def encode(self, value):
        """See Setting."""
        # A form cannot carry an empty list; Mailman takes an empty text for one.
        return list(value) or ""

    def normal(self, value):
        """See Setting."""
        return sorted(value)


class Duration(Setting):
    """A length of time as Mailman writes it."""

    example = "7d"

    def problem(self, value):
        """See Setting."""
        return None if self.normal(value) is not None else "must be numbers, each with one of the letters w, d, h, m, s"

    def normal(self, value):
        """Return it in seconds."""
        parts = _DURATION_PART.findall(str(value))
        if not parts or "".join(number + unit for number, unit in parts) != str(value).replace(" ", ""):
            return None
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)


_FLAG, _LINE, _LINES, _TEXTS, _DURATION = Flag(), Text(), Text(lines=True), Texts(), Duration()
_COUNT = Number(int, "10")
_MODERATION = Choice("hold", "reject", "discard", "accept", "defer")
_FILTER = Choice("hold", "reject", "discard", "accept", "defer", "forward", "preserve")
_AUTORESPONSE = Choice("none", "respond_and_discard", "respond_and_continue")
_MEMBERSHIP = Choice("confirm", "open", "moderate", "confirm_then_moderate")

SETTINGS: dict[str, Setting] = {
    "acceptable_aliases": _TEXTS,
    "accept_these_nonmembers": _TEXTS,
    "admin_immed_notify": _FLAG,
    "admin_notify_mchanges": _FLAG,
    "administrivia": _FLAG,
    "advertised": _FLAG,
    "allow_list_posts": _FLAG,
    "anonymous_list": _FLAG,
    "archive_policy": Choice("public", "private", "never"),
    "archive_rendering_mode": Choice("text", "markdown"),
    "autorespond_owner": _AUTORESPONSE,
    "autorespond_postings": _AUTORESPONSE,
    "autorespond_requests": _AUTORESPONSE,
    "autoresponse_grace_period": _DURATION,
    "autoresponse_owner_text": _LINES,
    "autoresponse_postings_text": _LINES,
    "autoresponse_request_text": _LINES,
    "bounce_info_stale_after": _DURATION,
    "bounce_notify_owner_on_bounce_increment": _FLAG,
    "bounce_notify_owner_on_disable": _FLAG,
    "bounce_notify_owner_on_removal": _FLAG,
    "bounce_score_threshold": _COUNT,
    "bounce_you_are_disabled_warnings": _COUNT,
    "bounce_you_are_disabled_warnings_interval": _DURATION,
    "collapse_alternatives": _FLAG,
    "convert_html_to_plaintext": _FLAG,
    "default_member_action": _MODERATION,
    "default_nonmember_action": _MODERATION,
    "description": _LINE,
    "digest_send_periodic": _FLAG,
    "digest_size_threshold": Number(float, "30"),
    "digest_volume_frequency": Choice("monthly", "yearly", "quarterly", "weekly", "daily"),
    "digests_enabled": _FLAG,
    "discard_these_nonmembers": _TEXTS,
    "display_name": _LINE,
    "dmarc_addresses": _TEXTS,
    "dmarc_mitigate_action": Choice("munge_from", "wrap_message", "reject", "discard", "no_mitigation"),
    "dmarc_mitigate_unconditionally": _FLAG,
    "dmarc_moderation_notice": _LINES,
    "dmarc_wrapped_message_text": _LINES,
    "emergency": _FLAG,
    "filter_action": _FILTER,
    "filter_content": _FLAG,
    "filter_extensions": _TEXTS,
    "filter_types": _TEXTS,
    "first_strip_reply_to": _FLAG,
    "forward_unrecognized_bounces_to": Choice("administrators", "discard", "site_owner"),
    "gateway_to_mail": _FLAG,
    "gateway_to_news": _FLAG,
    "hold_these_nonmembers": _TEXTS,
    "include_rfc2369_headers": _FLAG,
    "info": _LINES,
    "linked_newsgroup": _LINE,
    "max_days_to_hold": _COUNT,
    "max_message_size": _COUNT,
    "max_num_recipients": _COUNT,
    "member_roster_visibility": Choice("moderators", "members", "public"),
    "newsgroup_moderation": Choice("none", "open_moderated", "moderated"),
    "nntp_prefix_subject_too": _FLAG,
    "pass_extensions": _TEXTS,
    "pass_types": _TEXTS,
    "personalize": Choice("none", "individual", "full"),
    "posting_pipeline": Choice("default-posting-pipeline", "virgin"),
    "preferred_language": Text(),
    "process_bounces": _FLAG,
    "reject_these_nonmembers": _TEXTS,
    "reply_goes_to_list": Choice("point_to_list", "no_munging", "explicit_header", "explicit_header_only"),
    "reply_to_address": _LINE,
    "require_explicit_destination": _FLAG,
    "respond_to_post_requests": _FLAG,
    "send_goodbye_message": _FLAG,
    "send_welcome_message": _FLAG,
    "subject_prefix": _LINE,
    "subscription_policy": _MEMBERSHIP,
    "unsubscription_policy": _MEMBERSHIP,
}

# Why a name that Mailman knows can't be declared.
NOT_DECLARABLE = {
    "moderator_password": "Mailman keeps only its hash, which nothing can be compared with: set it in the web interface"
}


def problem(name: str, value: Any) -> tuple[str, str] | None:
    """Return (what is wrong, an example) of the setting `name` with `value`, or None when it is right."""
    if name in NOT_DECLARABLE:
        return f"can't be declared; {NOT_DECLARABLE[name]}", "max_message_size: 200"
    if name not in SETTINGS:
        close = difflib.get_close_matches(name, SETTINGS, 1, 0.6)
        return "is no setting of Mailman" + (f", did you mean {close[0]}?" if close else ""), (
            f"{close[0]}: {SETTINGS[close[0]].example}" if close else "max_message_size: 200"
        )
    wrong = SETTINGS[name].problem(value)
    return (wrong, f"{name}: {SETTINGS[name].example}") if wrong else None


def differ(name: str, declared: Any, actual: Any) -> bool:
    """Return whether Mailman's value `actual` of setting `name` has to be changed to what is `declared`."""
    kind = SETTINGS[name]
    return kind.normal(declared) != kind.normal(actual)


def encode(settings: dict[str, Any]) -> dict[str, Any]:
    """Return `settings` as form fields for Mailman."""
    return {name: SETTINGS[name].encode(value) for name, value in settings.items()}
