"""What is wrong with the configuration before any cloud sees it: spelling, types, the plan, the documentation."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from workspace import CONFIGURATION, copy_configuration, run_terraform

ROOT = CONFIGURATION.parent
PAGE = ROOT / "docs/setup/instance.md"
SCHEMA = json.loads((ROOT / "tests/openstack/provider-3.4.0-schema.json").read_text())
SOURCE = "\n".join(path.read_text() for path in sorted(CONFIGURATION.glob("*.tf")))
# `terraform fmt` sees to it that a block's end stands where its beginning does.
BLOCK = re.compile(r'^(resource|data) "(openstack_\w+)" "\w+" \{[^\n]*\n(.*?)^\}', re.MULTILINE | re.DOTALL)
META = {"count", "for_each", "depends_on", "provider", "lifecycle", "provisioner"}


def test_format():
    done = run_terraform("fmt", "-check", "-recursive", "-diff", cwd=CONFIGURATION)
    assert done.returncode == 0, done.stdout


def test_validate():
    done = run_terraform("validate", "-no-color", cwd=CONFIGURATION)
    assert done.returncode == 0, done.stderr


def test_plans():
    done = run_terraform("test", "-no-color", cwd=CONFIGURATION)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("example", sorted((CONFIGURATION / "examples").glob("*.tfvars")), ids=lambda path: path.stem)
def test_example_makes_a_plan(example: Path, tmp_path: Path):
    copy = tmp_path / "terraform"
    copy_configuration(copy)
    (copy / "example.tftest.hcl").write_text('mock_provider "openstack" {}\nrun "plan" {\n  command = plan\n}\n')
    done = run_terraform("test", "-no-color", f"-var-file={example}", cwd=copy)
    assert done.returncode == 0, done.stdout + done.stderr


def used() -> Iterator[tuple[str, str, str]]:
    """Every argument that a block sets: `resources` or `data_sources`, type, attribute."""
    for kind, resource, body in BLOCK.findall(SOURCE):
        section = "resources" if kind == "resource" else "data_sources"
        block = ""
        for line in body.splitlines():
            if found := re.fullmatch(r"  (\w+) \{", line):
                block = found[1]
                yield section, resource, block
            elif line == "  }":
                block = ""
            elif found := re.match(r"    (\w+) += " if block else r"  (\w+) += ", line):
                yield section, resource, f"{block}.{found[1]}" if block else found[1]


def wanted() -> list[tuple[str, str, str]]:
    """`used` without what is Terraform's own, such as lifecycle."""
    return sorted({use for use in used() if use[2].partition(".")[0] not in META})


def test_enough_is_looked_at():
    assert ("resources", "openstack_compute_instance_v2", "network.port") in wanted()
    assert len(wanted()) > 25


@pytest.mark.parametrize(("section", "resource", "attribute"), wanted(), ids=lambda text: text)
def test_argument_exists_in_release_3_4(section: str, resource: str, attribute: str):
    kind, _ = SCHEMA[section][resource][attribute]
    assert kind.startswith("block") or set(kind) & set("RO"), f"{attribute} can't be set"
    assert kind.startswith("block") or "D" not in kind, f"{attribute} is deprecated"


@pytest.mark.parametrize("section", ["resources", "data_sources"])
def test_required_arguments_are_set(section: str):
    given = wanted()
    for resource in {resource for kind, resource, _ in given if kind == section}:
        for attribute, (kind, _) in SCHEMA[section][resource].items():
            if kind == "R" and "." not in attribute:
                assert (section, resource, attribute) in given


REFERENCE = re.compile(r"(data\.)?(openstack_\w+)\.\w+(?:\[[^\]]+\])?\.(\w+)")


@pytest.mark.parametrize(
    ("data", "resource", "attribute"), sorted(set(REFERENCE.findall(SOURCE))), ids=lambda text: text
)
def test_referenced_attribute_exists_in_release_3_4(data: str, resource: str, attribute: str):
    assert attribute in SCHEMA["data_sources" if data else "resources"][resource]


def declared(kind: str) -> dict[str, str]:
    """Name → description of the variables or outputs."""
    blocks = re.findall(rf'^{kind} "(\w+)" \{{\n(.*?)^\}}', SOURCE, re.MULTILINE | re.DOTALL)
    return {name: re.search(r'description\s+= "(.*)"', body)[1].replace('\\"', '"') for name, body in blocks}


@pytest.mark.parametrize("kind", ["variable", "output"])
def test_page_documents(kind: str):
    """docs/setup/instance.md repeats the descriptions word for word."""
    (section,) = re.findall(rf"^## {kind.title()}s\n\n(.*?)^$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    rows = dict(re.findall(r"^\| `(\w+)` \| (?:.* \| )?(.*) \|$", section, re.MULTILINE))
    assert rows == declared(kind)


def test_page_shows_the_defaults():
    for name, body in re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', SOURCE, re.MULTILINE | re.DOTALL):
        default = re.search(r"^  default\s+= (.*)$", body, re.MULTILINE)
        shown = f"`{default[1].strip(chr(34))}`" if default else "required"
        assert f"| `{name}` | {shown} | " in PAGE.read_text()
