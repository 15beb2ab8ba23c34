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
