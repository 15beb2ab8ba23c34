"""What the role makes of the operator's values, the bridge can use."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest
import yaml
from jinja2 import Environment, StrictUndefined

from listkit.bridge.config import load

ROLE = Path(__file__).parents[3] / "roles/bridge"
VALUES = {
    "bridge_host": "mail.infomaniak.com",
    "bridge_accounts": [{"address": "mailman@example.org", "password": "hush"}],
    "bridge_domains": {"example.org": ["example.net"]},
    "bridge_site_owner": "admin@example.com",
    "_bridge_owner_local_parts": ["mailman", "postorius"],
}


@pytest.mark.parametrize(
    ("days", "remembered"), [({}, 60), ({"processed": 60}, 90), ({"processed": 0}, 60), ({"rejected": 3650}, 3680)]
)
def test_a_delivery_is_remembered_for_longer_than_its_message_is_kept(tmp_path, days, remembered):
    environment = Environment(undefined=StrictUndefined)  # noqa: S701 (no HTML)
    # As Ansible has it, what a filter yields is a list.
    environment.filters["to_nice_json"] = functools.partial(json.dumps, default=list)
    environment.filters["listkit.mailman3.sub_addresses"] = lambda _: ["owner"]
    values = yaml.safe_load((ROLE / "defaults/main.yml").read_text()) | VALUES
    values |= {f"bridge_keep_{folder}_days": number for folder, number in days.items()}
    template = environment.from_string((ROLE / "templates/etc/listkit/bridge.json.j2").read_text())
    (tmp_path / "bridge.json").write_text(template.render(values))
    (tmp_path / "mail_passwords").write_text('{"mailman@example.org": "hush"}')
    (tmp_path / "rest_password").write_text("hush")
    assert load(tmp_path / "bridge.json", tmp_path).keep_days.delivered == remembered
