"""A Mailman of a few lines that answers as the real one was seen to (`recorded/`), for tests of the REST client."""

from __future__ import annotations

import base64
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

RECORDED = Path(__file__).parent / "recorded"
PASSWORD = "the-rest-password"
PREFIX = "/3.1/"
BULK_PAGE = 10_000
"""As in `listkit.mailman.members`."""
SHOWN = ("display_name", "delivery_mode", "delivery_status", "moderation_action")
# Without all of these, Mailman asks somebody before it subscribes a person.
PRE_APPROVED = {"pre_verified": "true", "pre_confirmed": "true", "pre_approved": "true"}


def recorded_config(version: str = "3.3.10") -> dict[str, Any]:
    """Return the settings of a real list, as that version of Mailman answers them."""
    return json.loads((RECORDED / f"list_config_{version}.json").read_text())


class MailmanDouble:
    """Holds domains, lists and their people; `url` is where it listens.

    people: by list's address and "role address", with the properties that differ from Mailman's defaults.
    templates: by list's address, domain or "" for the site, the URI of each template by name.
    new_list: settings of a new list that differ from the recorded one's.
    bulk: whether it has the plugin's resource `members`.
    renamed: by the former address of a list, the one that the plugin's resource `renaming` gave it.
    refused: by address, why it can't be subscribed.
    welcomed: who got a welcome message.
    """

    def __init__(self, version: str = "3.3.10"):
        self.version = version
        self.domains: dict[str, dict[str, Any]] = {}
        self.domain_owners: dict[str, list[str]] = {}
        self.lists: dict[str, dict[str, Any]] = {}
        self.people: dict[str, dict[str, dict[str, str]]] = {}
        self.bans: dict[str, list[str]] = {}
        self.header_matches: dict[str, list[dict[str, str]]] = {}
        self.templates: dict[str, dict[str, str]] = {}
        self.new_list: dict[str, Any] = {"dmarc_mitigate_action": "no_mitigation"}
        self.bulk = False
        self.refused: dict[str, str] = {}
        self.welcomed: list[str] = []
        self.renamed: dict[str, str] = {}
        self.requests: list[str] = []
        self.held: dict[str, int] = {}
        self.writes: list[str] = []
        double = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length).decode()
                is_json = self.headers["Content-Type"] == "application/json"
                fields = json.loads(body) if is_json else parse_qs(body, keep_blank_values=True)
                wanted = "Basic " + base64.b64encode(f"restadmin:{PASSWORD}".encode()).decode()
                if self.headers["Authorization"] != wanted:
                    status, body = 401, {"title": "401 Unauthorized", "description": "REST API authorization failed"}
                else:
                    status, body = double.answer(self.command, self.path.removeprefix(PREFIX), fields)
                self.send_response(status)
                self.end_headers()
                if status != 204:
                    self.wfile.write(json.dumps(body).encode())

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

            def log_message(self, *_arguments) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}{PREFIX.rstrip('/')}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, fields: dict[str, list[str]]) -> tuple[int, Any]:
        """Return status and body for one request."""
        self.requests.append(f"{method} {path}")
        if method != "GET":
            self.writes.append(f"{method} {path}")
        path, _mark, query = path.partition("?")
        parts = path.split("/")
        options = {key: values[-1] for key, values in parse_qs(query).items()}
        if path == "system/versions":
            return 200, {"mailman_version": self.version}
        if parts[0] == "domains":
            return self._domain(method, parts[1:], fields)
        if parts[0] == "users":
            # A user's number is one of the addresses here, and each has a second one.
            return 200, {"entries": [{"email": unquote(parts[1])}, {"email": f"also-{unquote(parts[1])}"}]}
        if parts[0] == "lists":
            return self._list(method, parts[1:], fields, options)
        if parts[0] == "uris":
            return self._uri(method, self.templates.setdefault("", {}), parts[1:], fields)
        if parts[0] == "bans":
            return self._ban(method, self.bans.setdefault("", []), parts[1:], fields)
        if parts[0] == "plugins":
            return self._plugin(method, parts[1:], fields, options)
        if parts[0] == "addresses":
            return self._rename(parts[1], fields)
        return self._member(method, parts[1:], fields, options)

    def _domain(self, method, parts, fields):
        if method == "POST" and not parts:
            self.domains[fields["mail_host"][0]] = {key: values[0] for key, values in fields.items()}
            return 201, {}
        if parts[0] not in self.domains:
            return 404, {"title": "404 Not Found"}
        if parts[1:2] == ["uris"]:
            return self._uri(method, self.templates.setdefault(parts[0], {}), parts[2:], fields)
        if parts[1:2] == ["owners"]:
            return self._domain_owners(method, self.domain_owners.setdefault(parts[0], []), fields)
        if method == "PATCH":
            self.domains[parts[0]].update({key: values[0] for key, values in fields.items()})
        if method == "DELETE":
            del self.domains[parts[0]]
        return (200, {"description": None, **self.domains[parts[0]]}) if method == "GET" else (204, None)

    def _domain_owners(self, method, owners, fields):
        if method == "GET":
            return 200, {"entries": [{"user_id": address} for address in owners]} if owners else {}
        if method == "POST":
            owners.extend(fields["owner"])
        else:
            owners.clear()
        return 204, None

    def _list(self, method, parts, fields, options):
        if method == "POST" and not parts:
            address = fields["fqdn_listname"][0]
            if address.partition("@")[2] not in self.domains:
                domain = address.partition("@")[2]
                return 400, {"title": "400 Bad Request", "description": f"Domain does not exist: {domain}"}
            self.lists[address] = {**recorded_config(self.version), **self.new_list}
            return 201, {}
        if not parts:
            return 200, {"entries": [{"fqdn_listname": address} for address in self.lists]} if self.lists else {}
        address = parts[0] if "@" in parts[0] else parts[0].replace(".", "@", 1)
        if address not in self.lists:
            return 404, {"title": "404 Not Found"}
        if parts[1:2] == ["roster"]:
            return self._roster(method, address, parts[2], fields, options)
        if parts[1:2] == ["bans"]:
            return self._ban(method, self.bans.setdefault(address, []), parts[2:], fields)
        if parts[1:2] == ["header-matches"]:
            return self._match(method, self.header_matches.setdefault(address, []), parts[2:], fields)
        if parts[1:2] == ["uris"]:
            return self._uri(method, self.templates.setdefault(address, {}), parts[2:], fields)
        if parts[1:] == ["held"]:
            return 200, {"total_size": self.held.get(address, 0)}
        if parts[1:] == ["config"]:
            return self._config(method, self.lists[address], fields)
        if method == "DELETE":
            del self.lists[address]
            return 204, None
        members = [key for key in self.people.get(address, {}) if key.startswith("member ")]
        return 200, {"fqdn_listname": address, "list_id": address.replace("@", "."), "member_count": len(members)}

    @staticmethod
    def _config(method, config, fields):
        if method == "GET":
            return 200, config
        for name, values in fields.items():
            if name not in config:
                return 400, {"title": "400 Bad Request", "description": f"Unknown attribute: {name}"}
            old = config[name]
            if isinstance(old, bool):
                config[name] = values[0] == "True"
            elif isinstance(old, list):
                config[name] = [value for value in values if value]
            else:
                config[name] = type(old)(values[0])
        return 204, None

    def _roster(self, method, address, role, fields, options):
        if method == "DELETE":
            gone = {email: self.people[address].pop(f"{role} {email}", None) is not None for email in fields["emails"]}
            return 200, {**gone, "http_etag": "..."}
        entries = [
            {"email": key.split()[1], "member_id": f"{address}+{key}".replace(" ", "+"), **_shown(properties)}
            for key, properties in self.people.get(address, {}).items()
            if key.startswith(f"{role} ")
        ]
        return _page(entries, options)

    @staticmethod
    def _ban(method, bans, parts, fields):
        if method == "GET":
            return 200, {"entries": [{"email": ban} for ban in bans]} if bans else {}
        if method == "DELETE":
            bans.remove(unquote(parts[0]))
            return 204, None
        email = fields["email"][0]
        if any(re.match(ban, email) for ban in bans if ban.startswith("^")):
            return 400, {"title": "400 Bad Request", "description": "Address is already banned"}
        bans.append(email)
        return 201, {}

    @staticmethod
    def _match(method, matches, parts, fields):
        if method == "GET":
            entries = [{"position": number, **match} for number, match in enumerate(matches)]
            return 200, {"entries": entries} if entries else {}
        if method == "DELETE":
            del matches[int(parts[0])]
            return 204, None
        match = {key: values[0].lower() if key == "header" else values[0] for key, values in fields.items()}
        if not match["action"]:
            del match["action"]
        if method == "PUT":
            matches[int(parts[0])] = match
            return 204, None
        matches.append(match)
        return 201, {}

    @staticmethod
    def _uri(method, uris, parts, fields):
        if method == "GET":
            entries = [{"name": name, "uri": uri} for name, uri in sorted(uris.items())]
            return 200, {"start": 0, "total_size": len(entries), **({"entries": entries} if entries else {})}
        if method == "DELETE":
            for name in parts or list(uris):
                uris.pop(name, None)
        else:
            uris.update({name: values[0] for name, values in fields.items()})
        return 204, None

    def _renaming(self, method, address, fields, options):
        address = address if address in self.lists else self.renamed.get(address, "")
        if address not in self.lists:
            return 404, {"title": "404 Not Found"}
        if method == "POST":
            self.lists[fields["to"]] = self.lists.pop(address)
            self.renamed[address] = fields["to"]
            return 200, {}
        problem = f"there is a list {options['to']} already" if options["to"] in self.lists else ""
        numbers = {"member": 12, "owner": 1, "moderator": 0, "nonmember": 0, "request": 2, "ban": 0, "template": 0}
        return 200, {"address": address, "problem": problem, **numbers}

    def _plugin(self, method, parts, fields, options):
        if parts[1] == "renaming":
            return self._renaming(method, parts[2].replace(".", "@", 1), fields, options)
        address, role = parts[2].replace(".", "@", 1), parts[3]
        if not self.bulk or address not in self.lists:
            return 404, {"title": "404 Not Found"}
        people = self.people.setdefault(address, {})
        if method == "GET":
            entries = [
                {"email": key.split()[1], **_shown(properties)}
                for key, properties in people.items()
                if key.startswith(f"{role} ")
            ]
            start = int(options["after"])
            page = entries[start : start + BULK_PAGE]
            return 200, {"entries": page, "next": str(start + BULK_PAGE) if entries[start + BULK_PAGE :] else None}
        failed = []
        for item in fields.get("add", []):
            if item["email"].lower() in self.refused:
                failed.append({"email": item["email"], "reason": self.refused[item["email"].lower()]})
            else:
                self.welcomed += [item["email"]] if fields.get("welcome") else []
                people[f"{role} {item.pop('email').lower()}"] = item
        for item in fields.get("change", []):
            people[f"{role} {item.pop('email')}"].update(item)
        for email in fields.get("remove", []):
            del people[f"{role} {email}"]
        return 200, {"failed": failed}

    def _rename(self, email, fields):
        for people in self.people.values():
            for key, properties in people.items():
                if key.split()[1] == email:
                    properties["display_name"] = fields["display_name"][0]
        return 204, None

    def _member(self, method, parts, fields, options):
        if parts == ["find"]:
            address = options["list_id"].replace(".", "@", 1)
            found = [
                {"email": key.split()[1], "member_id": f"{address}+{key}".replace(" ", "+")}
                for key, properties in self.people[address].items()
                if key.startswith(f"{options['role']} ")
                and options.get("delivery_status") in (None, properties.get("delivery_status"))
                and options.get("subscriber") in (None, key.split()[1])
            ]
            return _page(found, options)
        if method in ("DELETE", "PATCH"):
            address, role, email = parts[0].split("+")
            if method == "DELETE":
                del self.people[address][f"{role} {email}"]
            else:
                self.people[address][f"{role} {email}"].update({key: values[0] for key, values in fields.items()})
            return 204, None
        address = fields["list_id"][0].replace(".", "@", 1)
        properties = {key: values[0] for key, values in fields.items()}
        email = properties.pop("subscriber").lower()
        if email in self.refused:
            return 400, {"title": "400 Bad Request", "description": self.refused[email]}
        role = properties.pop("role")
        expected = PRE_APPROVED if role == "member" else {}
        if {key: value for key, value in properties.items() if key in PRE_APPROVED} != expected:
            return 202, {"token": "0123"}
        # The list's own setting decides if it is missing.
        self.welcomed += [email] if role == "member" and properties.get("send_welcome_message") != "false" else []
        kept = {key: value for key, value in properties.items() if key in SHOWN}
        self.people.setdefault(address, {})[f"{role} {email}"] = kept
        return 201, {}


def _shown(properties):
    values = {"delivery_mode": "regular", "delivery_status": "enabled", **properties}
    return {key: value for key, value in values.items() if key in SHOWN}


def _page(entries, options):
    """Return one page as Mailman does: without `entries` when there are none. `count` without `page` fails there."""
    if ("count" in options) != ("page" in options):
        return 500, {"title": "500 Internal Server Error"}
    count, page = int(options.get("count", len(entries) or 1)), int(options.get("page", 1))
    part = entries[(page - 1) * count : page * count]
    return 200, {"total_size": len(entries), **({"entries": part} if part else {})}
