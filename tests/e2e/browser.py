"""A small browser: cookies, forms with their CSRF tokens, one pinned certificate, a name that leads to a lab's host."""

from __future__ import annotations

import functools
import http.client
import re
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from email.message import Message
from html.parser import HTMLParser
from http.cookiejar import CookieJar

TIMEOUT_SECONDS = 90
"""A whole archive is sent only when it has been collected."""
LINK_ATTRIBUTES = {"href", "src", "action", "srcset", "poster"}
LOADED_TAGS = {"img", "script", "link", "iframe", "video", "audio", "source"}


@dataclass
class Page:
    """What the server answered, after its redirects."""

    url: str
    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")

    @functools.cached_property
    def _parsed(self) -> _Parser:
        parser = _Parser()
        parser.feed(self.text)
        return parser

    @property
    def links(self) -> list[str]:
        """Every address on the page, as absolute URLs."""
        return [urllib.parse.urljoin(self.url, link) for link in self._parsed.links]

    @property
    def loaded(self) -> list[str]:
        """What a browser would load by itself, as absolute URLs."""
        return [urllib.parse.urljoin(self.url, link) for link in self._parsed.loaded]

    def form(self, field_name: str) -> Form:
        """Return the last form that has the field `field_name`: what is on every page comes before."""
        for form in reversed(self._parsed.forms):
            if field_name in form.fields:
                action = urllib.parse.urljoin(self.url, form.action or self.url)
                return Form(action, dict(form.fields))
        raise AssertionError(
            f"{self.url} (HTTP {self.status}) has no form with the field {field_name}:\n{self.text[:2000]}"
        )


@dataclass
class Form:
    """A form's address and the values of its fields."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        found = [values[name] for name in LINK_ATTRIBUTES & set(values)]
        self.links += found
        if tag in LOADED_TAGS:
            self.loaded += found
        if tag == "form":
            self.forms.append(Form(values.get("action", "")))
        elif tag in ("input", "textarea", "select") and self.forms and "name" in values:
            if values.get("type") in ("checkbox", "radio") and "checked" not in values:
                return
            self.forms[-1].fields[values["name"]] = values.get("value", "")


class Browser:
    """Talks to `https://<fqdn>` at `address`, and believes only the certificates in `ca` (PEM)."""

    def __init__(self, fqdn: str, address: str, ca: str) -> None:
        self.fqdn, self.address = fqdn, address
        self.cookies = CookieJar()
        self._connection = _connection(address, ssl.create_default_context(cadata=ca))
        self._opener = self._make_opener()

    def _make_opener(self) -> urllib.request.OpenerDirector:
        address, https = self.address, self._connection

        class Http(http.client.HTTPConnection):
            def connect(self) -> None:
                self.sock = socket.create_connection((address, self.port), TIMEOUT_SECONDS)

        class HttpsHandler(urllib.request.HTTPSHandler):
            def https_open(self, request: urllib.request.Request):
                return self.do_open(https, request)

        class HttpHandler(urllib.request.HTTPHandler):
            def http_open(self, request: urllib.request.Request):
                return self.do_open(Http, request)

        return urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            HttpsHandler(),
            HttpHandler(),
            urllib.request.HTTPCookieProcessor(self.cookies),
        )

    def url(self, path: str) -> str:
        """Return the absolute URL of `path`; of a URL, itself."""
        return urllib.parse.urljoin(f"https://{self.fqdn}/", path)

    def get(self, path: str, **headers: str) -> Page:
        """Ask for `path` (or a URL)."""
        return self._open(self.url(path), None, headers)

    def get_at_once(self, paths: list[str], **headers: str) -> list[int]:
        """Ask for all of these at the same moment, however busy this machine is; return the statuses."""
        connections = [self._connection(self.fqdn) for _ in paths]
        for connection in connections:
            connection.connect()
        for connection, path in zip(connections, paths, strict=True):
            connection.request("GET", path, headers=headers)
        return [connection.getresponse().status for connection in connections]

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Page:
        """Send `fields` to `path` as a form, with no CSRF token but the ones in `fields`."""
        data = urllib.parse.urlencode(fields).encode()
        return self._open(self.url(path), data, {"Referer": self.url(path), **headers})

    def submit(self, page: Page, **fields: str) -> Page:
        """Fill in the form of `page` that has all of `fields`, and send it."""
        form = page.form(next(iter(fields)))
        return self.post(form.action, {**form.fields, **fields}, Referer=page.url)

    def confirm(self, page: Page) -> Page:
        """Send the form of `page` as it is: the answer to "are you sure?"."""
        form = page.form("csrfmiddlewaretoken")
        return self.post(form.action, form.fields, Referer=page.url)

    def _open(self, url: str, data: bytes | None, headers: dict[str, str]) -> Page:
        request = urllib.request.Request(url, data, headers)  # noqa: S310 -- the opener knows http and https only
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return Page(answer.url, answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Page(error.url, error.code, error.headers, error.read())


def _connection(address: str, context: ssl.SSLContext) -> type[http.client.HTTPSConnection]:
    """Connections to whatever name, all of them to this address."""

    class Connection(http.client.HTTPSConnection):
        def connect(self) -> None:
            plain = socket.create_connection((address, self.port), TIMEOUT_SECONDS)
            self.sock = context.wrap_socket(plain, server_hostname=self.host)

    return Connection


def hosts_of(urls: list[str]) -> set[str]:
    """Return the host names in `urls`, leaving out what isn't on the web."""
    return {parts.hostname or "" for parts in map(urllib.parse.urlsplit, urls) if parts.scheme in ("http", "https")}


def first(pattern: str, text: str) -> str:
    """Return the first group of the first match of `pattern`; the text is shown when there is none."""
    found = re.search(pattern, text)
    assert found, f"nothing like {pattern} in:\n{text[:3000]}"
    return found[1]
