"""Programs that take minutes to build: other people's Terraform, and the linter."""

import subprocess

import pytest
from publiccloud import programs
from test_configuration import test_plans, test_validate  # noqa: F401  collected here as well, for OpenTofu
from workspace import CONFIGURATION, run_terraform

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def opentofu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything in this file runs with OpenTofu."""
    monkeypatch.setenv("TERRAFORM", "opentofu")


def test_program_is_opentofu():
    assert "OpenTofu" in run_terraform("version", cwd=CONFIGURATION).stdout


def test_lint():
    done = subprocess.run([programs.built("tflint")], cwd=CONFIGURATION, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
