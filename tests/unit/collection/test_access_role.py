"""What the role `access` makes of the connection that the run uses."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from jinja2 import Environment, StrictUndefined

ROLE = Path(__file__).parents[3] / "roles/access"
VARS = yaml.safe_load((ROLE / "vars/main.yml").read_text())
FILTER = "etc/listkit/firewall.nft.j2"
DROP_IN = "etc/ssh/sshd_config.d/20-listkit.conf.j2"
TUNNEL = {"tunnel_port": 28001, "peers": [{"address": "10.0.0.12"}, {"address": "10.0.0.13"}]}


def render(template: str, **values) -> str:
    """A template of the role, with its defaults and these values."""
    environment = Environment(undefined=StrictUndefined, trim_blocks=True)  # noqa: S701 (no HTML)
    ssh = {"ports": [22], "method": "publickey", "password_login": True}
    variables = {
        **yaml.safe_load((ROLE / "defaults/main.yml").read_text()),
        "ansible_managed": "",
        "_access_ssh": ssh,
        "_access_callers": {25: ["list", "www-data"]},
        "site_debian": {"ssh_mlkem": True},
        **values,
    }
    login = environment.from_string(VARS["_access_password_login"]).render(variables)
    text = (ROLE / "templates" / template).read_text()
    return environment.from_string(text).render({**variables, "_access_password_login": login == "True"})


@pytest.mark.parametrize(
    ("method", "password_login", "off"),
    [
        ("publickey", True, True),
        ("password", True, False),
        ("", True, False),
        ("", False, True),
        ("password", False, True),
    ],
)
def test_passwords_are_off_if_a_key_is_known_to_work(method, password_login, off):
    ssh = {"ports": [22], "method": method, "password_login": password_login}
    assert ("\nPasswordAuthentication no\n" in render(DROP_IN, _access_ssh=ssh)) is off


def test_the_port_of_the_runs_own_connection_is_open():
    ssh = {"ports": [22, 2222], "method": "", "password_login": True}
    assert "tcp dport { 22, 2222 } accept" in render(FILTER, _access_ssh=ssh)


def test_only_the_other_hosts_reach_a_tunnel():
    line = next(line for line in render(FILTER, access_tunnels=[TUNNEL]).splitlines() if "28001" in line)
    assert line.strip() == "tcp dport 28001 ip saddr { 10.0.0.12, 10.0.0.13 } accept"


def test_ports_of_the_operator_and_of_services():
    text = render(FILTER, access_ports=[9100], access_service_ports=[80, 443])
    assert "tcp dport { 9100 } accept" in text
    assert "tcp dport { 80, 443 } accept" in text
    assert "ct count over 200 } counter drop" in text
    assert "ct count" not in render(FILTER, access_service_ports=[80, 443], access_connections_per_address=0)
