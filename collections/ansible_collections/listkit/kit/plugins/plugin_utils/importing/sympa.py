# SPDX-License-Identifier: MIT
"""Lists of Sympa, from their directories in `list_data` with the dumps of `sympa.pl --dump_users`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.listkit.kit.plugins.plugin_utils.importing.description import CannotImport, Description
from ansible_collections.listkit.mailman3.plugins.module_utils.list_settings import SETTINGS
from ansible_collections.listkit.mailman3.plugins.module_utils.membership import files

FILE = "config"
_MEMBER_FILES = ("member.dump", "subscribers.db.dump", "subscribers")
_FOOTER_FILES = ("message_footer", "message.footer")
_FOOTER = "list:member:regular:footer"
# Sympa's scenarios for posting: the actions on posts of members, and of others.
_SEND = {
    "closed": ("reject", "reject"),
    "confidential": ("defer", "discard"),
    "editor": ("hold", "hold"),
    "editorkey": ("hold", "hold"),
    "editorkeyonly": ("hold", "hold"),
    "editorkeyonlyauth": ("hold", "hold"),
    "newsletter": ("hold", "hold"),
    "newsletterkeyonly": ("hold", "hold"),
    "private": ("defer", "reject"),
    "private_smime": ("defer", "reject"),
    "privateandeditorkey": ("hold", "reject"),
    "privateandnomultipartoreditorkey": ("defer", "hold"),
    "privatekey": ("defer", "reject"),
    "privatekeyandeditorkeyonly": ("hold", "reject"),
    "privateoreditorkey": ("defer", "hold"),
    "privateorpublickey": ("defer", "hold"),
    "public": ("defer", "defer"),
    "public_nobcc": ("defer", "defer"),
    "publickey": ("defer", "hold"),
    "publicnoattachment": ("defer", "defer"),
}
_SEND_OTHERWISE = ("hold", "hold")
# A member is known by a login or the sender's address in Sympa, which a confirmation replaces.
_SUBSCRIBE = {"open": "confirm", "auth": "confirm", "smime": "confirm", "owner": "moderate"}
_SUBSCRIBE["auth_owner"] = "confirm_then_moderate"
_CLOSED = "closed"
_UNSUBSCRIBE = {"open": "confirm", "auth": "confirm", "auth_owner": "moderate", "owner": "moderate"}
_UNSUBSCRIBE[_CLOSED] = "moderate"
_REVIEW = {"public": "public", "private": "members"}
_ARCHIVE = {"public": "public", "private": "private"}
_REPLY_TO = {"list": "point_to_list", "sender": "no_munging", "other_email": "explicit_header"}
# Read above, or without effect outside of Sympa.
# fmt: off
_KNOWN = frozenset((
    "anonymous_sender", "archive", "bouncers_level1", "bouncers_level2", "clean_delay_queuemod", "creation",
    "custom_subject", "digest", "dmarc_protection", "editor", "expire_task", "host", "invite", "lang",
    "latest_instantiation", "max_size", "owner", "priority", "process_archive", "reject_mail_from_automates_feature",
    "remind", "reply_to", "reply_to_header", "review", "rfc2369_header_fields", "send", "serial", "status", "subject",
    "subscribe", "topics", "ttl", "unsubscribe", "update", "visibility", "web_archive",
))
# fmt: on
_NO_COUNTERPART = "Mailman 3 has no such setting"
_DATA_SOURCE = (
    "the members come from a database or directory; declare it as members_from (docs/runbooks/members.md), "
    "or they stay as they are now"
)


@dataclass
class _Config:
    """A list's configuration: single values, and paragraphs with values of their own."""

    values: dict[str, str] = field(default_factory=dict)
    paragraphs: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @classmethod
    def parse(cls, text: str) -> _Config:
        """Read the file `config`. A block of one line is a value, unless that line is a name alone."""
        config = cls()
        lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
        for block in re.split(r"\n\s*\n", "\n".join(lines)):
            pairs = [_pair(line) for line in block.splitlines() if line.strip()]
            if pairs and not pairs[0][1]:
                config.paragraphs.append((pairs[0][0], dict(pairs[1:])))
            else:
                config.values.update(pairs)
        return config

    def all(self, name: str) -> list[dict[str, str]]:
        """Return the paragraphs of a name."""
        return [values for found, values in self.paragraphs if found == name]

    def one(self, name: str, key: str) -> str:
        """Return a value of the first paragraph of a name."""
        return next((values.get(key, "") for values in self.all(name)), "")

    def names(self) -> list[str]:
        """Return the names of all values and paragraphs, each once."""
        return list(dict.fromkeys([*self.values, *(name for name, _values in self.paragraphs)]))


def _pair(line: str) -> tuple[str, str]:
    name, _space, value = line.strip().partition(" ")
    return name, value.strip()


def read(path: Path) -> Iterator[Description]:
    """Yield the lists at `path`: a list's directory, or one with those of many lists. Raises CannotImport."""
    folders = [path] if (path / FILE).is_file() else sorted(file.parent for file in path.glob(f"*/{FILE}"))
    if not folders:
        raise CannotImport(f"{path}: has no file {FILE}, and no directories with one, as Sympa's list_data/ has")
    for folder in folders:
        yield _list(folder)


def _list(folder: Path) -> Description:
    config = _Config.parse(_text(folder / FILE))
    listed = Description(folder.name.lower(), str(folder), config.values.get("host", folder.parent.name).lower())
    status = config.values.get("status", "open")
    if status != "open":
        listed.skipped = f"its status in Sympa is {status!r}"
    listed.describe(config.values.get("subject", ""))
    for key, name in (("owners", "owner"), ("moderators", "editor")):
        in_config = [values["email"] for values in config.all(name) if values.get("email")]
        listed.add_administrators(key, [*in_config, *_addresses(folder / f"{name}.dump")])
    for add in (_add_access, _add_posting, _add_replies, _add_appearance):
        add(listed, config)
    _add_texts(listed, folder)
    _report_settings(listed, config)
    _add_members(listed, folder)
    return listed


def _word(config: _Config, name: str) -> str:
    """Return the name of a scenario without its notices, such as `open` for `open_notify`."""
    return re.sub(r"[_,](notify|quiet)$", "", config.values.get(name, ""))


def _choose(listed: Description, name: str, word: str, setting: str, words: dict[str, str], otherwise: str) -> None:
    """Set a setting to the counterpart of Sympa's word, or to a stricter value, which is reported."""
    if word and word not in words:
        listed.leave_out(name, f"{word!r} has no counterpart; {setting} is {otherwise!r}")
    if word:
        listed.set(setting, words.get(word, otherwise))


def _add_access(listed: Description, config: _Config) -> None:
    subscribe = _word(config, "subscribe")
    if subscribe == _CLOSED:
        listed.keys["subscription"] = _CLOSED
    else:
        _choose(listed, "subscribe", subscribe, "subscription_policy", _SUBSCRIBE, "moderate")
    _choose(listed, "unsubscribe", _word(config, "unsubscribe"), "unsubscription_policy", _UNSUBSCRIBE, "confirm")
    if "visibility" in config.values:
        listed.set("advertised", config.values["visibility"] == "noconceal")
    review = _word(config, "review")
    if review:
        listed.set("member_roster_visibility", _REVIEW.get(review, "moderators"))
    access = config.one("archive", "web_access") or config.one("web_archive", "access")
    archived = config.values.get("process_archive", "on") != "off" and bool(access)
    if archived and access not in _ARCHIVE:
        reason = "a private archive of Mailman's is read by all members; if they may: archive_policy: private"
        listed.leave_out("archive", f"only {access!r} can read it, and {reason}")
    listed.set("archive_policy", _ARCHIVE.get(access, "never") if archived else "never")


def _add_posting(listed: Description, config: _Config) -> None:
    send = _word(config, "send")
    if send and send not in _SEND:
        listed.leave_out("send", f"{send!r} has no counterpart; all posts are held")
    if send:
        of_members, of_others = _SEND.get(send, _SEND_OTHERWISE)
        listed.set("default_member_action", of_members)
        listed.set("default_nonmember_action", of_others)
    size = config.values.get("max_size", "")
    if size.isdigit():
        listed.set("max_message_size", int(size) // 1024)
    if config.values.get("anonymous_sender"):
        listed.set("anonymous_list", True)
    listed.set("digests_enabled", "digest" in config.names())


def _add_replies(listed: Description, config: _Config) -> None:
    value = config.one("reply_to_header", "value") or config.values.get("reply_to", "")
    address = config.one("reply_to_header", "other_email")
    if "@" in value:
        value, address = "other_email", value
    if value and value not in _REPLY_TO:
        listed.leave_out("reply_to_header", f"{value!r} has no counterpart; the kit's default applies")
    elif value:
        listed.set("reply_goes_to_list", _REPLY_TO[value])
        listed.set("first_strip_reply_to", config.one("reply_to_header", "apply") == "forced")
    if address:
        listed.set("reply_to_address", address)


def _add_appearance(listed: Description, config: _Config) -> None:
    prefix = config.values.get("custom_subject", "").strip("[] ")
    if "%" in prefix:
        listed.leave_out("custom_subject", f"{prefix!r} is a template of Sympa's")
        prefix = ""
    listed.set("subject_prefix", f"[{prefix}] " if prefix else "")
    language = config.values.get("lang", "").replace("-", "_")
    if language:
        known = SETTINGS["preferred_language"].problem(language) is None
        listed.set("preferred_language", language if known else language.partition("_")[0])


def _add_texts(listed: Description, folder: Path) -> None:
    if (folder / "info").is_file():
        listed.set("info", _text(folder / "info"))
    footer = next((folder / name for name in _FOOTER_FILES if (folder / name).is_file()), None)
    if footer and _text(footer).strip():
        _add_footer(listed, footer)
    for template in sorted([*folder.glob("mail_tt2/**/*.tt2"), *folder.glob("*.tt2")]):
        listed.leave_out(
            str(template.relative_to(folder)), "is a template of Sympa's; docs/runbooks/templates.md has Mailman's"
        )


def _add_footer(listed: Description, footer: Path) -> None:
    text = _text(footer)
    if "[%" in text:
        listed.leave_out(footer.name, "is a template of Sympa's")
    else:
        listed.write_text(_FOOTER, text.replace("$", "$$"))


def _report_settings(listed: Description, config: _Config) -> None:
    for name in config.names():
        if name == "user_data_source" and config.values.get(name) in ("include", "include2"):
            continue
        if "include" in name or name in ("user_data_source", "family_name"):
            listed.leave_out(name, _DATA_SOURCE if "include" in name else _NO_COUNTERPART)
        elif name not in _KNOWN:
            listed.leave_out(name, _NO_COUNTERPART)


def _add_members(listed: Description, folder: Path) -> None:
    file = next((folder / name for name in _MEMBER_FILES if (folder / name).is_file()), None)
    if file is None:
        dump = f"sympa.pl --dump_users --list={listed.name}@{listed.domain} --role=member"
        listed.leave_out("members", f"there is none of {', '.join(_MEMBER_FILES)}; make it with: {dump}")
        return
    text = _text(file)
    listed.add_members(files.FORMATS["sympa"](text))
    options: list[tuple[str, Callable[[str], bool], str]] = [
        ("reception", "not_me".__eq__, "don't get their own posts"),
        ("visibility", "conceal".__eq__, "are hidden from the list of members"),
    ]
    for name, is_it, what in options:
        number = sum(1 for line in text.splitlines() if _pair(line)[0] == name and is_it(_pair(line)[1]))
        if number:
            listed.leave_out("members' options", f"{number} {what}; they can set it in the web interface")


def _addresses(file: Path) -> list[str]:
    lines = _text(file).splitlines() if file.is_file() else []
    return [value for name, value in map(_pair, lines) if name == "email"]


def _text(file: Path) -> str:
    """Return a file's text: old ones aren't UTF-8."""
    data = file.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("iso-8859-1")
