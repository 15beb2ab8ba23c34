"""Each unit of the kit is confined far enough by `systemd-analyze security`, without an exception."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from ansible_collections.listkit.host.plugins.filter.sandbox import sandbox
from jinja2 import ChainableUndefined, Environment, FileSystemLoader

ROLES = Path(__file__).resolve().parents[3] / "roles"
UNITS = sorted(ROLES.glob("*/templates/etc/systemd/system/listkit-*.service.j2"))
LIMIT = 2.0
TEMPLATES = Environment(undefined=ChainableUndefined, loader=FileSystemLoader(sorted(ROLES.iterdir())))  # noqa: S701 -- no HTML
TEMPLATES.filters |= {"listkit.host.sandbox": sandbox, "comment": lambda text: f"# {text}"}


def unit(template: Path) -> str:
    """Return the unit as the role writes it, with empty values for what the operator sets."""
    role = template.relative_to(ROLES).parts[0]
    file = ROLES / role / "vars/main.yml"
    variables = yaml.safe_load(file.read_text()) if file.exists() else {}
    # A variable may contain others, as Ansible has it.
    text = TEMPLATES.from_string(template.read_text()).render(variables)
    return TEMPLATES.from_string(text).render(variables)


@pytest.mark.parametrize("template", UNITS, ids=lambda template: template.name)
def test_it_is_below_the_limit(template: Path, tmp_path: Path):
    path = tmp_path / template.name.removesuffix(".j2")
    path.write_text(unit(template))
    answer = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    verdict = answer.stdout.splitlines()[-1]
    assert float(verdict.partition(": ")[2].split()[0]) < LIMIT, answer.stdout
