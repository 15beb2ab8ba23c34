"""Everything that the kit fetches from elsewhere is pinned to its content."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = [*sorted((ROOT / "requirements").glob("*.txt")), ROOT / "tests/mailboxes/pypi.txt"]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
COMMIT = re.compile(r"[^@]+@[0-9a-f]{40}")
DIGEST = re.compile(r"[^@]+@sha256:[0-9a-f]{64}")


@pytest.mark.parametrize("file", REQUIREMENTS, ids=lambda file: file.name)
def test_every_requirement_has_a_version_and_hashes(file):
    requirements = [line for line in re.split(r"\n(?=\S)", file.read_text().strip()) if not line.startswith("#")]
    assert requirements
    for requirement in requirements:
        assert re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+", requirement), requirement
        assert "--hash=sha256:" in requirement, requirement


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_actions_and_images_are_pinned_by_digest(file):
    for job in yaml.safe_load(file.read_text())["jobs"].values():
        assert DIGEST.fullmatch(job["container"]["image"])
        actions = [step["uses"] for step in job["steps"] if "uses" in step]
        assert all(COMMIT.fullmatch(action) for action in actions), actions


def test_pages_install_with_hashes_only():
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for command in re.findall(r"\bpip install\b[^`\n]*", page.read_text()):
            assert "--require-hashes -r requirements/" in command, f"{page}: {command}"
