"""The role `canary` writes what the checks can read."""

from __future__ import annotations

import json

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_run import KIT

TEMPLATE = KIT / "roles/canary/templates/etc/listkit/check.d/canary.json.j2"


@pytest.mark.parametrize("interval", [30, "30"], ids=["inventory", "-e canary_interval=30"])
def test_the_interval_is_a_number_wherever_the_operator_sets_it(interval: int | str):
    values = {"canary_units": [], "canary_interval": interval}
    written = Templar(DataLoader(), values).template(trust_as_template(TEMPLATE.read_text()))
    settings = json.loads(written) if isinstance(written, str) else written
    assert settings == {"units": [], "minutes": 30}
