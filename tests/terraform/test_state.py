"""State on S3-compatible storage as in docs/setup/terraform-state.md, on a server with conditional writes."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from object_storage import LOGIN, Storage, serving
from publiccloud import programs
from workspace import CONFIGURATION, run_terraform

from lab.commands import wait_for

PAGE = CONFIGURATION.parent / "docs/setup/terraform-state.md"
BUCKET, KEY = "listkit-state", "mailman.tfstate"
# Applying it takes as long as the file `go` isn't there, and a minute at most.
SLOW = """
resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command = "for i in $(seq 600); do test -e go && exit 0; sleep 0.1; done; exit 1"
  }
}
"""


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """The S3 server, with the container of docs/setup/terraform-state.md."""
    with serving(tmp_path_factory.mktemp("storage"), BUCKET) as served:
        yield served


@pytest.fixture
def project(storage: Storage, tmp_path: Path) -> Iterator[Path]:
    """A configuration with the example's backend, at our address."""
    backend = (CONFIGURATION / "backend.tf.example").read_text()
    (tmp_path / "backend.tf").write_text(backend.replace("https://s3.pub1.infomaniak.cloud", storage.url))
    (tmp_path / "main.tf").write_text(SLOW)
    yield tmp_path
    (storage.directory / BUCKET / KEY).unlink(missing_ok=True)


def terraform(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run terraform with the storage's keys."""
    return run_terraform(*arguments, "-no-color", cwd=project, environment=LOGIN)


def good(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout + done.stderr


def test_state_lies_in_the_container(storage: Storage, project: Path):
    good(terraform(project, "init", "-input=false"))
    (project / "go").touch()
    good(terraform(project, "apply", "-auto-approve"))
    assert '"terraform_data"' in (storage.directory / BUCKET / KEY).read_text()
    assert not (project / "terraform.tfstate").exists()


def test_second_apply_is_refused_while_one_runs(storage: Storage, project: Path):
    good(terraform(project, "init", "-input=false"))
    lock = storage.directory / BUCKET / f"{KEY}.tflock"
    with subprocess.Popen(
        [programs.terraform(), "apply", "-auto-approve", "-no-color"],
        cwd=project, env=os.environ | LOGIN, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    ) as first:  # fmt: skip
        try:
            wait_for(lock.exists, "the lock", 30)
            second = terraform(project, "plan", "-lock-timeout=0s")
            assert second.returncode != 0
            assert "Error acquiring the state lock" in second.stderr
        finally:
            (project / "go").touch()
        assert first.wait(60) == 0
    assert not lock.exists()
    good(terraform(project, "plan", "-detailed-exitcode"))


def test_state_moves_from_a_file_into_the_container(storage: Storage, project: Path):
    backend = project / "backend.tf"
    example = backend.read_text()
    backend.unlink()
    (project / "go").touch()
    good(terraform(project, "init", "-input=false"))
    good(terraform(project, "apply", "-auto-approve"))
    backend.write_text(example)
    good(terraform(project, "init", "-migrate-state", "-force-copy", "-input=false"))
    assert '"terraform_data"' in (storage.directory / BUCKET / KEY).read_text()
    good(terraform(project, "plan", "-detailed-exitcode"))


def test_the_page_can_tell_whether_locking_works(storage: Storage):
    """The commands of the page, against a storage that is known to refuse."""
    (script,) = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    script = script.replace("https://s3.pub1.infomaniak.cloud", storage.url)
    said = subprocess.run(
        ["bash", "-euo", "pipefail"], input=script, env=os.environ | LOGIN, capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == ["200", "412"]
