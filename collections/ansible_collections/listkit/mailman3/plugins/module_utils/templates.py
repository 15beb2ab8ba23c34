# SPDX-License-Identifier: MIT
"""The templates of a list, a domain or the site: the texts that replace Mailman's own in its messages.

Mailman stores the URI of a template and reads the text from there. A declared text becomes a file on Mailman's host.
The file's name has a hash of the text, because Mailman keeps what it has read from a URI for a week.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from ansible_collections.listkit.mailman3.plugins.module_utils.rest import Api

# From `mailman/interfaces/template.py`, which is the same in Mailman 3.3.8 and 3.3.10.
LIST_NAMES = (
    "list:admin:action:post",
    "list:admin:action:subscribe",
    "list:admin:action:unsubscribe",
    "list:admin:notice:disable",
    "list:admin:notice:increment",
    "list:admin:notice:pending",
    "list:admin:notice:removal",
    "list:admin:notice:subscribe",
    "list:admin:notice:unrecognized",
    "list:admin:notice:unsubscribe",
    "list:member:digest:footer",
    "list:member:digest:header",
    "list:member:digest:masthead",
    "list:member:regular:footer",
    "list:member:regular:header",
    "list:user:action:invite",
    "list:user:action:subscribe",
    "list:user:action:unsubscribe",
    "list:user:notice:goodbye",
    "list:user:notice:hold",
    "list:user:notice:no-more-today",
    "list:user:notice:post",
    "list:user:notice:probe",
    "list:user:notice:refuse",
    "list:user:notice:rejected",
    "list:user:notice:warning",
    "list:user:notice:welcome",
)
NAMES = ("domain:admin:notice:new-list", *LIST_NAMES)
SCHEMES = ("file", "http", "https", "mailman")
ABSENT = {"state": "absent"}
EXAMPLE = "{list:member:regular:footer: 'Sent to $listname'}"
# Options of the modules that write templates; documented in doc_fragments/templates.py.
ARGUMENTS = {"templates_directory": {"type": "path", "default": "/etc/mailman3/templates"}}

Template: TypeAlias = "str | Mapping[str, str]"
"""As declared: a text, {"uri": URI}, or ABSENT."""


def problem(templates: Any, names: tuple[str, ...] = LIST_NAMES) -> tuple[str, str] | None:
    """Return (the problem, an example) of declared templates, of which only `names` are possible, or None."""
    if not isinstance(templates, Mapping):
        return "must be a dictionary with a text for each name", EXAMPLE
    for name, template in templates.items():
        if name not in names:
            return f"{name!r} is not a template here; did you mean {_nearest(str(name), names)}?", EXAMPLE
        wrong = _template_problem(template)
        if wrong:
            return f"{name}: {wrong}", EXAMPLE
    return None


def _nearest(name: str, names: tuple[str, ...]) -> str:
    return difflib.get_close_matches(name, names, 1, 0)[0]


def _template_problem(template: Any) -> str | None:
    if isinstance(template, str) or template == ABSENT:
        return None
    if not isinstance(template, Mapping) or set(template) != {"uri"}:
        return f"must be a text, {{uri: …}} or {{state: absent}}, not {template!r}"
    if urlsplit(str(template["uri"])).scheme not in SCHEMES:
        return f"{template['uri']!r} is not a URI that Mailman can read; it must start with one of {_schemes()}"
    return None


def _schemes() -> str:
    return ", ".join(f"{scheme}:" for scheme in SCHEMES)


class Templates:
    """The templates of the list or domain at the path `owner`, such as "lists/news.example.org/"; "" for the site's."""

    def __init__(self, api: Api, owner: str, directory: str):
        self._api, self._uris = api, f"{owner}uris"
        self._folder = Path(directory) / (owner or "site")

    def read(self) -> dict[str, Template]:
        """Return the templates as they would be declared: those with a file of ours as texts, others as URIs."""
        return {entry["name"]: self._declared(entry) for entry in self._api.entries(self._uris)}

    def _declared(self, entry: Mapping[str, str]) -> Template:
        path = self._folder / entry["uri"].rpartition("/")[2]
        try:
            text = path.read_bytes().decode()
        except (OSError, UnicodeDecodeError):
            return {"uri": entry["uri"]}
        return text if self._uri(entry["name"], text) == entry["uri"] else {"uri": entry["uri"]}

    def converge(
        self, wanted: Mapping[str, Template], *, check: bool
    ) -> tuple[dict[str, Template], dict[str, Template]]:
        """Set the `wanted` templates, and leave all others unchanged; return those that differ, before and after."""
        found = self.read() if wanted else {}
        differing = {name: template for name, template in wanted.items() if found.get(name, ABSENT) != template}
        if differing and not check:
            self._set(differing)
        before = {name: found[name] for name in differing if name in found}
        after = {name: template for name, template in differing.items() if template != ABSENT}
        return before, after

    def remove_all(self) -> None:
        """Remove every template. Mailman would give those of a removed list to a new list with its address."""
        self._api.delete(self._uris)
        shutil.rmtree(self._folder, ignore_errors=True)  # most lists have no texts of their own

    def _set(self, templates: Mapping[str, Template]) -> None:
        uris = {}
        for name, template in templates.items():
            if isinstance(template, str):
                self._write(name, template)
                uris[name] = self._uri(name, template)
            elif template != ABSENT:
                uris[name] = template["uri"]
        # A text must be there before Mailman knows its URI, and as long as it does: otherwise posts fail.
        if uris:
            self._api.patch(self._uris, uris)
        for name in templates.keys() - uris.keys():
            self._api.delete(f"{self._uris}/{name}")
        for name in templates:
            self._remove_files(name, uris.get(name))

    def _write(self, name: str, text: str) -> None:
        with _readable_by_all():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file(name, text).write_bytes(text.encode())

    def _remove_files(self, name: str, uri: str | None) -> None:
        """Remove the files of a template, except the one at `uri`."""
        for path in self._folder.glob(f"{name}.*"):
            if f"file://{path}" != uri:
                path.unlink()

    def _uri(self, name: str, text: str) -> str:
        return f"file://{self._file(name, text)}"

    def _file(self, name: str, text: str) -> Path:
        return self._folder / f"{name}.{hashlib.sha256(text.encode()).hexdigest()[:16]}.txt"


@contextmanager
def _readable_by_all() -> Iterator[None]:
    """Create files and directories that Mailman's user can read, whatever the umask of the connection is."""
    umask = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(umask)
