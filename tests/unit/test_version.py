"""`listkit version`: what runs on the host."""

import json
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from listkit import __version__, version

ROLES = Path(__file__).resolve().parents[2] / "roles"

LISTING = """\
installed postfix 3.10.5-1 postfix 3.10.5-1
installed libssl3t64:amd64 3.5.4-1 openssl 3.5.4-1
not-installed nginx
config-files certbot 4.0.0-2 python-certbot 4.0.0-2
"""


def test_only_installed_packages_are_listed_with_their_sources():
    assert version.packages(LISTING) == [
        {"name": "libssl3t64:amd64", "version": "3.5.4-1", "source": "openssl", "source_version": "3.5.4-1"},
        {"name": "postfix", "version": "3.10.5-1", "source": "postfix", "source_version": "3.10.5-1"},
    ]


def test_the_version_alone(capsys):
    assert version.main([]) == 0
    assert capsys.readouterr().out == f"listkit {__version__}\n"


def test_all_as_json(capsys, monkeypatch):
    monkeypatch.setattr(version, "_installed", lambda: LISTING)
    monkeypatch.setattr(version, "_release", lambda: "13")
    assert version.main(["--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["listkit"], found["debian"], len(found["packages"])) == (__version__, "13", 2)


@pytest.mark.parametrize("file", sorted(ROLES.glob("*/vars/main.yml")), ids=lambda file: file.parts[-3])
def test_every_package_that_a_role_installs_is_listed(file):
    values = yaml.safe_load(file.read_text())
    installed = [name for variable, names in values.items() if variable.endswith("_packages") for name in names]
    assert [name for name in installed if not any(fnmatch(name, known) for known in version.PACKAGES)] == []
