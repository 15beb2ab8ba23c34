"""A copy of `terraform/` with settings and a login of its own, and the commands an operator would type in it."""

import atexit
import json
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from publiccloud import programs

CONFIGURATION = Path(__file__).resolve().parents[2] / "terraform"
# Left out of a copy: an operator's own files, and the tests.
IGNORED = shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfvars", "tests", "examples")


def copy_configuration(directory: Path) -> None:
    """Copy the configuration as somebody who cloned the repository has it."""
    shutil.copytree(CONFIGURATION, directory, ignore=IGNORED)


def run_terraform(
    *arguments: str, cwd: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run terraform with our build of the provider and without anybody's cloud login, whatever comes of it."""
    return subprocess.run(
        [programs.terraform(), *arguments],
        cwd=cwd, env=_environment() | (environment or {}), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


class Workspace:
    """`environment` is the login (`Cloud.openrc`), `settings` the variables."""

    def __init__(self, directory: Path, environment: dict[str, str], settings: dict) -> None:
        self.directory = directory
        self.environment = environment
        self.settings = settings
        copy_configuration(directory)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run terraform with the settings and the login, whatever comes of it."""
        (self.directory / "terraform.tfvars.json").write_text(json.dumps(self.settings))
        return run_terraform(*arguments, cwd=self.directory, environment=self.environment)

    def tool_environment(self) -> dict[str, str]:
        """The environment of a shell in which the operator sourced the openrc file."""
        return _environment() | self.environment

    def apply(self, *arguments: str) -> str:
        """Apply, and return what terraform said."""
        return _good(self.run("apply", "-auto-approve", "-input=false", "-no-color", *arguments))

    def apply_fails(self, *arguments: str) -> str:
        """Apply something that mustn't succeed, and return its errors in one line."""
        return _bad(self.run("apply", "-auto-approve", "-input=false", "-no-color", *arguments))

    def destroy(self) -> str:
        """Destroy everything, as an operator does who means it."""
        self.settings = self.settings | {"protect": False}
        if "terraform_data.protect" in self.run("state", "list").stdout:
            _good(self.run("apply", "-auto-approve", "-input=false", "-no-color", "-target=terraform_data.protect"))
        return _good(self.run("destroy", "-auto-approve", "-input=false", "-no-color"))

    def destroy_fails(self) -> str:
        """Destroy what is protected, and return the errors in one line."""
        return _bad(self.run("destroy", "-auto-approve", "-input=false", "-no-color"))

    def changes(self, *arguments: str) -> dict[str, list[str]]:
        """What a plan would do: address → actions, without what stays as it is."""
        plan = self.directory / "plan"
        _good(self.run("plan", "-input=false", "-no-color", f"-out={plan}", *arguments))
        shown = json.loads(_good(self.run("show", "-json", str(plan))))
        return {
            change["address"]: change["change"]["actions"]
            for change in shown.get("resource_changes", [])
            if change["change"]["actions"] not in (["no-op"], ["read"])
        }

    def output(self, name: str):
        """The value of an output."""
        return json.loads(_good(self.run("output", "-json", name)))

    def inventory(self) -> str:
        """The inventory, as an operator writes it to a file."""
        return _good(self.run("output", "-raw", "inventory"))

    def identifier(self, address: str) -> str:
        """The id of a resource in the state."""
        state = json.loads(_good(self.run("show", "-json")))
        return next(r["values"]["id"] for r in state["values"]["root_module"]["resources"] if r["address"] == address)


@cache
def _environment() -> dict[str, str]:
    directory = Path(tempfile.mkdtemp(prefix="terraform-"))
    atexit.register(shutil.rmtree, directory)
    configuration = directory / "terraform.rc"
    configuration.write_text(
        "disable_checkpoint = true\n"
        "provider_installation {\n"
        f'  dev_overrides {{ "terraform-provider-openstack/openstack" = "{programs.provider()}" }}\n'
        "  direct {}\n"
        "}\n"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "TF_", "AWS_"))}
    return kept | {"TF_CLI_CONFIG_FILE": str(configuration), "TF_IN_AUTOMATION": "1"}


def _good(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, f"{' '.join(map(str, done.args))}\n{done.stdout}{done.stderr}"
    return done.stdout


def _bad(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode != 0, f"{' '.join(map(str, done.args))} succeeded:\n{done.stdout}"
    return " ".join(f"{done.stdout} {done.stderr}".replace("│", " ").split())
