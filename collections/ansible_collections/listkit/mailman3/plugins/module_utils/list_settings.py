# SPDX-License-Identifier: MIT
"""The settings of a list in Mailman's REST interface: their names, their types and the values that Mailman accepts.

From `mailman/rest/listconf.py` and `mailman/rest/validator.py` of Mailman 3.3.8 and 3.3.10, which differ only in
`dmarc_addresses`.
"""

from __future__ import annotations

import difflib
import math
import re
from typing import Any

from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import is_address

_SECONDS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile("".join(rf"(?:([0-9]+(?:\.[0-9]+)?){unit})?" for unit in _SECONDS))
_WORDS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


class Setting:
    """A type of setting: its valid values, their encoding in a request, and their comparison."""

    example: str

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with `value`, or None."""
        raise NotImplementedError

    def encode(self, value: Any) -> Any:
        """Return `value` as a form field for Mailman."""
        return str(value)

    def normal(self, value: Any) -> Any:
        """Return `value` in the form for comparison, in which a declared value equals Mailman's answer for it."""
        return value


class Choice(Setting):
    """One of several words."""

    def __init__(self, *words: str):
        self.words = words
        self.example = words[0]

    def problem(self, value):
        """See Setting."""
        return None if value in self.words else f"must be one of {', '.join(self.words)}, not {value!r}"


class Flag(Setting):
    """True or false."""

    example = "true"

    def problem(self, value):
        """See Setting."""
        return None if isinstance(self.normal(value), bool) else f"must be true or false, not {value!r}"

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
        if isinstance(value, bool) or number is None or not 0 <= number < math.inf:
            return f"must be {'a whole number' if self._kind is int else 'a number'}, 0 or more, not {value!r}"
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
    """A list of texts, whose order doesn't matter."""

    example = "[one, two]"

    def problem(self, value):
        """See Setting."""
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            return "must be a list of texts"
        return None

    def encode(self, value):
        """See Setting."""
        # A form can't have an empty list; for Mailman, an empty text is one.
        return list(value) or ""

    def normal(self, value):
        """See Setting."""
        return sorted(value)


class Senders(Texts):
    """Addresses and regular expressions that start with ^; with `lists` also @ and a list's address."""

    example = "[ana@example.org, '^.*@example[.]net$']"

    def __init__(self, lists: bool = False):
        self._lists = lists

    def problem(self, value):
        """See Setting."""
        wrong = super().problem(value)
        bad = [] if wrong else [item for item in value if not self._is_sender(item)]
        return f"{bad[0]!r} is neither an address nor a regular expression that starts with ^" if bad else wrong

    def _is_sender(self, text: str) -> bool:
        if not text.startswith("^"):
            return is_address(text.removeprefix("@") if self._lists else text)
        try:
            re.compile(text)
        except re.error:
            return False
        return True


class Duration(Setting):
    """A length of time as Mailman writes it."""

    example = "7d"

    def problem(self, value):
        """See Setting."""
        wrong = f"must be numbers, each with a unit, in the order w, d, h, m, s, not {value!r}"
        return wrong if self.normal(value) is None else None

    def normal(self, value):
        """Return the number of seconds."""
        parts = _DURATION.fullmatch(str(value))
        if not parts or not any(parts.groups()):
            return None
        numbers = zip(parts.groups(default="0"), _SECONDS.values(), strict=True)
        return sum(float(number) * seconds for number, seconds in numbers)


_FLAG, _LINE, _LINES, _TEXTS, _TIME = Flag(), Text(), Text(lines=True), Texts(), Duration()
_COUNT = Number(int, "10")
_SENDERS = Senders()
_MODERATION = Choice("hold", "reject", "discard", "accept", "defer")
_FILTER = Choice("hold", "reject", "discard", "accept", "defer", "forward", "preserve")
_AUTORESPONSE = Choice("none", "respond_and_discard", "respond_and_continue")
_MEMBERSHIP = Choice("confirm", "open", "moderate", "confirm_then_moderate")
# fmt: off
_LANGUAGE = Choice(
    "en", "ar", "ast", "bg", "ca", "cs", "da", "de", "el", "es", "et", "eu", "fi", "fr", "gl", "he", "hr", "hu", "ia",
    "it", "ja", "ko", "lt", "nl", "no", "pl", "pt", "pt_BR", "ro", "ru", "sk", "sl", "sr", "sv", "tr", "uk", "vi",
    "zh_CN", "zh_TW",
)
# fmt: on

SETTINGS: dict[str, Setting] = {
    "acceptable_aliases": _TEXTS,
    "accept_these_nonmembers": Senders(lists=True),
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
    "autoresponse_grace_period": _TIME,
    "autoresponse_owner_text": _LINES,
    "autoresponse_postings_text": _LINES,
    "autoresponse_request_text": _LINES,
    "bounce_info_stale_after": _TIME,
    "bounce_notify_owner_on_bounce_increment": _FLAG,
    "bounce_notify_owner_on_disable": _FLAG,
    "bounce_notify_owner_on_removal": _FLAG,
    "bounce_score_threshold": _COUNT,
    "bounce_you_are_disabled_warnings": _COUNT,
    "bounce_you_are_disabled_warnings_interval": _TIME,
    "collapse_alternatives": _FLAG,
    "convert_html_to_plaintext": _FLAG,
    "default_member_action": _MODERATION,
    "default_nonmember_action": _MODERATION,
    "description": _LINE,
    "digest_send_periodic": _FLAG,
    "digest_size_threshold": Number(float, "30"),
    "digest_volume_frequency": Choice("monthly", "yearly", "quarterly", "weekly", "daily"),
    "digests_enabled": _FLAG,
    "discard_these_nonmembers": _SENDERS,
    "display_name": _LINE,
    "dmarc_addresses": _SENDERS,
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
    "hold_these_nonmembers": _SENDERS,
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
    "posting_pipeline": Choice("default-posting-pipeline", "default-owner-pipeline", "virgin"),
    "preferred_language": _LANGUAGE,
    "process_bounces": _FLAG,
    "reject_these_nonmembers": _SENDERS,
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

# Settings of Mailman that can't be declared, and why.
NOT_DECLARABLE = {
    "moderator_password": "Mailman only keeps its hash, so it can't be compared; set it in the web interface"
}
_EXAMPLE = "max_message_size"


def problem(name: str, value: Any) -> tuple[str, str] | None:
    """Return (the problem, an example) of the setting `name` with `value`, or None when it is valid."""
    if name in NOT_DECLARABLE:
        return f"can't be declared: {NOT_DECLARABLE[name]}", _example(_EXAMPLE)
    if name not in SETTINGS:
        near = nearest(name)
        hint = f"did you mean {', '.join(near)}?" if near else "Mailman's REST documentation has all names"
        return f"is not a Mailman setting; {hint}", _example(near[0] if near else _EXAMPLE)
    wrong = SETTINGS[name].problem(value)
    return (wrong, _example(name)) if wrong else None


def nearest(name: str) -> list[str]:
    """Return the setting that `name` is a misspelling of, or else up to three that share words with it."""
    words = {word for word in name.lower().split("_") if len(word) > 3}
    related = [setting for setting in SETTINGS if words & set(setting.split("_"))]
    misspelt = difflib.get_close_matches(name, SETTINGS, 1, 0.9)
    return (
        misspelt or difflib.get_close_matches(name, related, 3, 0) or difflib.get_close_matches(name, SETTINGS, 1, 0.6)
    )


def _example(name: str) -> str:
    return f"{name}: {SETTINGS[name].example}"


def differ(name: str, declared: Any, actual: Any) -> bool:
    """Return whether Mailman's value `actual` of the setting `name` differs from the `declared` one."""
    kind = SETTINGS[name]
    return kind.normal(declared) != kind.normal(actual)


def encode(settings: dict[str, Any]) -> dict[str, Any]:
    """Return `settings` as form fields for Mailman."""
    return {name: SETTINGS[name].encode(value) for name, value in settings.items()}
