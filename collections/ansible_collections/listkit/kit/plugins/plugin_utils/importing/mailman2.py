# SPDX-License-Identifier: MIT
"""Lists of Mailman 2.1, from their `config.pck`.

The mapping is that of `mailman/utilities/importer.py` in Mailman 3.3.10, with three differences: the settings without
which mail through a mail service fails stay as the kit has them, everything that is left out is reported, and the text
of the welcome message is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ansible_collections.listkit.kit.plugins.plugin_utils.importing.config_pck import Config
from ansible_collections.listkit.kit.plugins.plugin_utils.importing.description import CannotImport, Description
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.entries import Located

FILE = "config.pck"
# The list that Mailman 2.1 itself needed.
SITE_LIST = "mailman"

_FLAGS = {
    "admin_immed_notify": "admin_immed_notify",
    "admin_notify_mchanges": "admin_notify_mchanges",
    "administrivia": "administrivia",
    "advertised": "advertised",
    "anonymous_list": "anonymous_list",
    "bounce_notify_owner_on_disable": "bounce_notify_owner_on_disable",
    "bounce_notify_owner_on_removal": "bounce_notify_owner_on_removal",
    "bounce_processing": "process_bounces",
    "collapse_alternatives": "collapse_alternatives",
    "convert_html_to_plaintext": "convert_html_to_plaintext",
    "digest_send_periodic": "digest_send_periodic",
    "digestable": "digests_enabled",
    "emergency": "emergency",
    "filter_content": "filter_content",
    "first_strip_reply_to": "first_strip_reply_to",
    "include_list_post_header": "allow_list_posts",
    "include_rfc2369_headers": "include_rfc2369_headers",
    "require_explicit_destination": "require_explicit_destination",
    "send_goodbye_msg": "send_goodbye_message",
    "send_welcome_msg": "send_welcome_message",
}
_NUMBERS = {
    "bounce_score_threshold": "bounce_score_threshold",
    "bounce_you_are_disabled_warnings": "bounce_you_are_disabled_warnings",
    "digest_size_threshhold": "digest_size_threshold",
    "max_days_to_hold": "max_days_to_hold",
    "max_message_size": "max_message_size",
    "max_num_recipients": "max_num_recipients",
}
_SECONDS = {
    "bounce_info_stale_after": "bounce_info_stale_after",
    "bounce_you_are_disabled_warnings_interval": "bounce_you_are_disabled_warnings_interval",
}
_LINES = {"real_name": "display_name", "reply_to_address": "reply_to_address"}
_TEXTS = {
    "autoresponse_admin_text": "autoresponse_owner_text",
    "autoresponse_postings_text": "autoresponse_postings_text",
    "autoresponse_request_text": "autoresponse_request_text",
    "info": "info",
}
_LISTS = {
    "filter_filename_extensions": "filter_extensions",
    "filter_mime_types": "filter_types",
    "pass_filename_extensions": "pass_extensions",
    "pass_mime_types": "pass_types",
}
_AUTORESPONSE = {0: "none", 1: "respond_and_continue"}
# The words of Mailman 3 for the numbers of Mailman 2.1.
_CHOICES: dict[str, tuple[str, dict[int, str]]] = {
    "autorespond_admin": ("autorespond_owner", _AUTORESPONSE),
    "autorespond_postings": ("autorespond_postings", _AUTORESPONSE),
    "autorespond_requests": (
        "autorespond_requests",
        {0: "none", 1: "respond_and_discard", 2: "respond_and_continue"},
    ),
    "bounce_unrecognized_goes_to_list_owner": (
        "forward_unrecognized_bounces_to",
        {0: "discard", 1: "administrators"},
    ),
    "digest_volume_frequency": (
        "digest_volume_frequency",
        {0: "yearly", 1: "monthly", 2: "quarterly", 3: "weekly", 4: "daily"},
    ),
    "filter_action": ("filter_action", {0: "discard", 1: "reject", 2: "forward", 3: "preserve"}),
    "generic_nonmember_action": (
        "default_nonmember_action",
        {0: "defer", 1: "hold", 2: "reject", 3: "discard"},
    ),
    "personalize": ("personalize", {0: "none", 1: "individual", 2: "full"}),
    "private_roster": ("member_roster_visibility", {0: "public", 1: "members", 2: "moderators"}),
    "reply_goes_to_list": ("reply_goes_to_list", {0: "no_munging", 1: "point_to_list", 2: "explicit_header"}),
    "subscribe_policy": (
        "subscription_policy",
        {0: "open", 1: "confirm", 2: "moderate", 3: "confirm_then_moderate"},
    ),
    "unsubscribe_policy": ("unsubscription_policy", {0: "confirm", 1: "moderate"}),
}
_MEMBER_ACTIONS = {0: "hold", 1: "reject", 2: "discard"}
_HEADER_ACTIONS = {0: "defer", 2: "reject", 3: "discard", 6: "accept", 7: "hold"}
_NONMEMBERS = ("accept", "hold", "reject", "discard")
# Settings without a counterpart: the usual value, which needs no report, and the reason.
_LEFT_OUT: dict[str, tuple[Any, str]] = {
    "dmarc_moderation_action": (0, "the kit's own measure against DMARC failures stays"),
    "from_is_list": (0, "the kit's own measure against DMARC failures stays"),
    "gateway_to_mail": (0, "the kit has no access to Usenet"),
    "gateway_to_news": (0, "the kit has no access to Usenet"),
    "mime_is_default_digest": (0, "Mailman 3 has no such setting; each member's kind of digest is imported"),
    "digest_is_default": (0, "Mailman 3 has no such setting; new members get single messages"),
    "respond_to_post_requests": (
        0,
        "the author of a held post isn't verified, so a notice could go to an address that a spammer wrote",
    ),
    "scrub_nondigest": (0, "Mailman 3 has no such setting"),
    "topics_enabled": (0, "Mailman 3 has no topics"),
    "umbrella_list": (0, "make the lists members of this one instead: docs/runbooks/umbrella-lists.md"),
}
_LEFT_OUT_TEXTS = {
    "member_moderation_notice": "Mailman 3 has no such text for one list",
    "nonmember_rejection_notice": "Mailman 3 has no such text for one list",
}
_LEFT_OUT_LISTS = {
    "regular_exclude_lists": "Mailman 3 has no sibling lists",
    "regular_include_lists": "Mailman 3 has no sibling lists",
}
_TEMPLATES = {
    "digest_footer": "list:member:digest:footer",
    "digest_header": "list:member:digest:header",
    "goodbye_msg": "list:user:notice:goodbye",
    "msg_footer": "list:member:regular:footer",
    "msg_header": "list:member:regular:header",
}
_WELCOME = "list:user:notice:welcome"
_LEAVE_ADDRESS = "${short_listname}-leave@$domain"
_PLACEHOLDERS = {
    "_internal_name": "${short_listname}",
    "cgiext": "",
    "description": "$description",
    "host_name": "$domain",
    "info": "$info",
    "list_name": "$listname",
    "real_name": "$display_name",
    "user_address": "$user_email",
    "user_delivered_to": "$user_delivered_to",
    "user_name": "$user_name",
}
_PLACEHOLDER = re.compile(r"%(?:\((\w+)\)[sd]|%)")
_OLD_WEB_PAGE = "%(web_page_url)s"
# The footer of a new list, in any language: a line, a name, the address and the page.
_STANDARD_FOOTER_LINES = 4

# Bits of a member's options.
_NOT_OWN_POSTS, _ACKNOWLEDGE, _PLAIN_DIGESTS, _CONCEAL, _MODERATED, _NO_DUPLICATES = 2, 4, 8, 16, 128, 256
_DELIVERY_STATUSES = {1: "unknown", 2: "by_user", 3: "by_moderator", 4: "by_bounces"}


def read(path: Path) -> Iterator[Description]:
    """Yield the lists at `path`: a `config.pck`, a list's directory, or a directory with those of many lists.

    Raises CannotImport.
    """
    if path.is_file():
        yield _list(path, None)
        return
    files = [path / FILE] if (path / FILE).is_file() else sorted(path.glob(f"*/{FILE}"))
    if not files:
        raise CannotImport(f"{path}: has no {FILE}, and no directories with one, as Mailman 2.1's lists/ has")
    for file in files:
        yield _list(file, file.parent.name)


def _list(file: Path, name: str | None) -> Description:
    config = Config.read(file.read_bytes(), str(file))
    listed = Description((name or config.text("real_name")).lower(), str(file), config.text("host_name").lower())
    listed.describe(config.text("description"))
    listed.add_administrators("owners", config.texts("owner"))
    listed.add_administrators("moderators", config.texts("moderator"))
    _add_settings(listed, config)
    _add_posting_rules(listed, config)
    _add_filters(listed, config)
    _add_templates(listed, config)
    _report_settings(listed, config)
    listed.add_members(_members(config))
    _report_member_options(listed, config)
    if name:
        listed.archives += _archives(file.parent)
    if listed.name == SITE_LIST:
        listed.skipped = "it served Mailman 2.1 itself; Mailman 3 has no such list"
    return listed


def _add_settings(listed: Description, config: Config) -> None:
    conversions: list[tuple[dict[str, str], Callable[[str], Any]]] = [
        (_FLAGS, lambda name: bool(config.number(name))),
        (_NUMBERS, lambda name: round(config.number(name))),
        (_SECONDS, lambda name: f"{round(config.number(name))}s"),
        (_LINES, lambda name: " ".join(config.text(name).split())),
        (_TEXTS, lambda name: _lines(config.text(name))),
        (_LISTS, config.texts),
    ]
    for names, convert in conversions:
        for name, setting in names.items():
            if name in config:
                listed.set(setting, convert(name))
    for name, (setting, words) in _CHOICES.items():
        if name in config:
            _choose(listed, name, setting, words, config.number(name))
    if "autoresponse_graceperiod" in config:
        listed.set("autoresponse_grace_period", f"{round(config.number('autoresponse_graceperiod'))}d")
    prefix = config.text("subject_prefix").strip()
    listed.set("subject_prefix", f"{prefix} " if prefix else "")
    if "preferred_language" in config:
        listed.set("preferred_language", config.text("preferred_language"))
    listed.set("archive_policy", _archive_policy(config))


def _choose(listed: Description, name: str, setting: str, words: dict[int, str], number: float) -> None:
    word = words.get(round(number))
    if word:
        listed.set(setting, word)
    else:
        listed.leave_out(name, f"{number:g} is not a value of Mailman 2.1")


def _archive_policy(config: Config) -> str:
    if not config.number("archive"):
        return "never"
    return "private" if config.number("archive_private", default=1) else "public"


def _add_posting_rules(listed: Description, config: Config) -> None:
    moderated = config.number("default_member_moderation")
    listed.set("default_member_action", _member_action(config) if moderated else "defer")
    for action in _NONMEMBERS:
        name = f"{action}_these_nonmembers"
        senders = [sender.strip() for sender in config.texts(name)]
        if senders:
            listed.set(name, [sender for sender in senders if _is_sender(listed, name, sender)])
    # Mailman 2.1 accepts the list's name at any domain.
    aliases = [alias if alias.startswith("^") else f"^{alias}" for alias in config.texts("acceptable_aliases")]
    listed.set("acceptable_aliases", [f"^{re.escape(listed.name)}@", *map(str.strip, aliases)])


def _member_action(config: Config) -> str:
    """Return what happens to the posts of moderated members."""
    return _MEMBER_ACTIONS.get(round(config.number("member_moderation_action")), "hold")


def _is_sender(listed: Description, name: str, sender: str) -> bool:
    if sender.startswith("@"):
        listed.leave_out(name, f"{sender!r}: write the full address of the list, such as {sender}@example.org")
        return False
    if sender.startswith("^"):
        try:
            re.compile(sender)
        except re.error as error:
            listed.leave_out(name, f"{sender!r} is not a regular expression: {error}")
            return False
    elif "@" not in sender:
        listed.leave_out(name, f"{sender!r} is not a full address")
        return False
    return True


def _add_filters(listed: Description, config: Config) -> None:
    # Patterns come first, so that addresses that they cover are left out.
    listed.ban(sorted(config.texts("ban_list"), key=lambda ban: not ban.startswith("^")))
    listed.match_headers(_header_matches(listed, config))


def _header_matches(listed: Description, config: Config) -> Iterator[dict[str, str]]:
    for lines, number in config.rules("header_filter_rules"):
        for line in filter(None, map(str.strip, lines.splitlines())):
            header, colon, pattern = line.partition(":")
            header = header.strip().lstrip("^").replace("\\", "").lower()
            action = _HEADER_ACTIONS.get(number) if isinstance(number, int) else None
            if not colon or not header or action is None:
                listed.leave_out(
                    "header_filter_rules", f"{line!r} with the action {number}: Mailman 3 can't express it"
                )
                continue
            # The value starts after the space that follows the colon.
            yield {"header": header, "pattern": re.sub(r"^(\s|\.\*|\.)", "", pattern) or ".*", "action": action}


def _add_templates(listed: Description, config: Config) -> None:
    for name, template in _TEMPLATES.items():
        text = _lines(config.text(name)).strip("\n")
        if text and not _is_standard_footer(text):
            listed.write_text(template, f"{_converted(listed, name, text)}\n")
    welcome = config.text("welcome_msg").strip()
    if welcome:
        text = _converted(listed, "welcome_msg", _lines(welcome))
        # It was a part of a longer message.
        listed.write_text(_WELCOME, f"$listname\n\n{text}\n\n--\n{_LEAVE_ADDRESS}\n")


def _is_standard_footer(text: str) -> bool:
    lines = [line for line in text.splitlines() if line.strip()]
    return len(lines) <= _STANDARD_FOOTER_LINES and _OLD_WEB_PAGE in lines[-1] and lines[0].strip("_- ") == ""


def _converted(listed: Description, name: str, text: str) -> str:
    """Return a text with Mailman 3's placeholders. Lines with the address of the old web pages are left out."""
    kept = []
    for line in text.splitlines():
        if _OLD_WEB_PAGE in line or "%(user_password)s" in line:
            listed.leave_out(name, f"the line {line.strip()!r}: it leads to the old web pages, or has a password")
        else:
            kept.append(_PLACEHOLDER.sub(lambda found: _placeholder(listed, name, found), line.replace("$", "$$")))
    return "\n".join(kept)


def _placeholder(listed: Description, name: str, found: re.Match[str]) -> str:
    if found[1] is None:
        return "%"
    if found[1] not in _PLACEHOLDERS:
        listed.leave_out(name, f"{found[0]} in the text: Mailman 3 has no such placeholder")
    return _PLACEHOLDERS.get(found[1], "")


def _report_settings(listed: Description, config: Config) -> None:
    for name, (usual, reason) in _LEFT_OUT.items():
        if name in config and config.number(name) != usual:
            listed.leave_out(name, reason)
    for name, reason in _LEFT_OUT_TEXTS.items():
        if config.text(name).strip():
            listed.leave_out(name, reason)
    for name, reason in _LEFT_OUT_LISTS.items():
        if config.texts(name):
            listed.leave_out(name, f"{', '.join(config.texts(name))}: {reason}")


def _members(config: Config) -> Iterator[Located]:
    regular, digests = config.by_address("members"), config.by_address("digest_members")
    names, options = config.by_address("usernames"), config.by_address("user_options")
    statuses = config.by_address("delivery_status")
    moderated = bool(config.number("default_member_moderation"))
    for address in sorted({**regular, **digests}):
        spelt = regular.get(address) or digests.get(address)
        entry = {
            # Addresses with capitals are the values, and 0 stands for all others.
            "address": spelt if isinstance(spelt, str) else address,
            "display_name": " ".join(str(names.get(address) or "").split()),
        }
        if address not in regular:
            plain = _bits(options.get(address)) & _PLAIN_DIGESTS
            entry["delivery_mode"] = "plaintext_digests" if plain else "mime_digests"
        status = statuses.get(address)
        number = status[0] if isinstance(status, tuple) and status else 0
        if number in _DELIVERY_STATUSES:
            entry["delivery_status"] = _DELIVERY_STATUSES[number]
        if bool(_bits(options.get(address)) & _MODERATED) != moderated:
            # As Mailman's own import does, for those who differ from the list.
            entry["moderation_action"] = "defer" if moderated else _member_action(config)
        yield "of Mailman 2", entry


def _bits(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _report_member_options(listed: Description, config: Config) -> None:
    options = {entry.key: _bits(config.by_address("user_options").get(entry.key)) for entry in listed.members}
    for bit, what in (
        (_NOT_OWN_POSTS, "don't get their own posts"),
        (_ACKNOWLEDGE, "get a receipt for each post"),
        (_CONCEAL, "are hidden from the list of members"),
    ):
        number = sum(1 for bits in options.values() if bits & bit)
        if number:
            listed.leave_out("members' options", f"{number} {what}; they can set it in the web interface")
    language = config.text("preferred_language")
    others = [address for address, own in config.by_address("language").items() if own != language]
    number = sum(1 for address in others if address in options)
    if number:
        listed.leave_out("members' options", f"{number} have another language than the list")


def _archives(directory: Path) -> list[Path]:
    """Return the mbox of a list's posts in a Mailman 2.1 tree, of which `directory` is in `lists/`."""
    name = directory.name
    file = directory.parent.parent / "archives" / "private" / f"{name}.mbox" / f"{name}.mbox"
    return [file] if file.is_file() else []


def _lines(text: str) -> str:
    """Return a text with the line ends of Unix: browsers send others."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
