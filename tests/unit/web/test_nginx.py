"""The web server's file: who has which rate, and what the bench lifts for its loads."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bench.web import LIFT

ROLE = Path(__file__).parents[3] / "roles/web"
VALUES = {
    "ansible_managed": "managed",
    "site_debian": {"nginx_http2_directive": True},
    "site_endpoints": {"archive": {"host": "127.0.0.1", "port": 8000}},
    "web_hosts": ["lists.example.org"],
}
LIMITS = re.compile(r"^ *limit_(?:req zone=|conn )(\w+)", re.MULTILINE)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file as the role makes it."""
    environment = Environment(  # noqa: S701 -- no HTML
        loader=FileSystemLoader(ROLE), trim_blocks=True, undefined=StrictUndefined
    )
    values = yaml.safe_load((ROLE / "defaults/main.yml").read_text()) | VALUES
    made = tmp_path / "listkit.conf"
    made.write_text(environment.get_template("templates/etc/nginx/conf.d/listkit.conf.j2").render(values))
    return made


def test_guests_have_a_rate_at_all_pages_but_those_of_accounts(file):
    locations = re.findall(r"^    location (\S+ ?\S*) \{\n(.*?)^    \}", file.read_text(), re.MULTILINE | re.DOTALL)
    limited = {place: LIMITS.findall(text) for place, text in locations if "uwsgi_pass $listkit_upstream" in text}
    assert [place for place, limits in limited.items() if "listkit_guest" not in limits] == [
        "@application",
        "~ ^/mailman3/(accounts|admin|user-profile)/",
    ]


def test_the_bench_has_no_limits_by_address_but_at_the_login(file):
    subprocess.run(["sed", "-i", LIFT, file], check=True)
    assert set(LIMITS.findall(file.read_text())) == {"listkit_login", "listkit_form", "listkit_accounts"}


def test_every_public_server_cuts_off_slow_clients(file):
    servers = re.findall(r"^server \{\n(.*?)^\}", file.read_text(), re.MULTILINE | re.DOTALL)
    public = [server for server in servers if re.search(r"listen (\[::\]:)?(80|443)\b", server)]
    assert len(public) == 3
    for name in ("client_header_timeout", "client_body_timeout", "send_timeout"):
        assert [re.findall(rf"^    {name} (\S+);", server, re.MULTILINE) for server in public] == [["10s"]] * 3


def test_one_address_holds_at_most_half_of_the_guests_places(file):
    places = re.findall(r"limit_conn (listkit_\w+) (\d+);", file.read_text())
    shared = {int(count) for zone, count in places if zone in ("listkit_guests", "listkit_accounts")}
    single = {int(count) for zone, count in places if zone == "listkit_guest_places"}
    assert (shared, single) == ({20}, {10})
    assert len(places) == 8, "the two limits belong together"


def map_of(file: Path, variable: str) -> list[re.Pattern]:
    """The patterns that give a variable a value."""
    body = re.search(rf'map "\$request_method \$uri" \${variable} \{{\n(.*?)\n\}}', file.read_text(), re.DOTALL)
    assert body
    return [re.compile(pattern) for pattern in re.findall(r'"~([^"]+)"', body[1])]


@pytest.mark.parametrize(
    ("request_line", "counted_as"),
    [
        ("POST /mailman3/accounts/login/", "listkit_login"),
        ("POST /mailman3/accounts/reauthenticate/", "listkit_login"),
        ("POST /mailman3/accounts/password/change/", "listkit_login"),
        ("POST /mailman3/admin/login/", "listkit_login"),
        ("POST /mailman3/accounts/signup/", "listkit_form"),
        ("POST /mailman3/accounts/password/reset/", "listkit_form"),
        ("POST /mailman3/accounts/password/reset/key/3-set-password/", "listkit_form"),
        ("POST /mailman3/accounts/confirm-email/abc/", "listkit_form"),
        ("POST /mailman3/postorius/lists/news.example.org/anonymous_subscribe", "listkit_form"),
        ("POST /mailman3/postorius/lists/news.example.org/subscribe", "listkit_form"),
        ("POST /mailman3/postorius/lists/news.example.org/held_messages", None),
        ("POST /mailman3/accounts/logout/", None),
        ("GET /mailman3/accounts/login/", None),
    ],
)
def test_logins_and_forms_that_send_mail_are_counted_apart(file, request_line, counted_as):
    counted = {
        name for name in ("listkit_login", "listkit_form") if any(p.match(request_line) for p in map_of(file, name))
    }
    assert counted == ({counted_as} if counted_as else set())
