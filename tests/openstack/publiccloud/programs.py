"""Programs that come from the Go module proxy: built on first use, and kept by what they are built from."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from lab import places
from lab.commands import locked

HERE = Path(__file__).resolve().parent.parent
# Directory of go.mod → the package to build.
PACKAGES = {
    "provider": "github.com/terraform-provider-openstack/terraform-provider-openstack",
    "opentofu": "github.com/opentofu/opentofu/cmd/tofu",
    "tflint": "github.com/terraform-linters/tflint",
    "objectstore": "github.com/versity/versitygw/cmd/versitygw",
    "infomaniak-provider": "listkit.test/terraform-provider-infomaniak",
}


class ProgramError(Exception):
    """A program can't be had; the text says what to do about it."""


def built(name: str) -> Path:
    """The executable of that name in `PACKAGES`; builds it if it isn't in the cache. Raises `ProgramError`."""
    package, source = PACKAGES[name], HERE / name
    pinned = b"".join(file.read_bytes() for file in sorted(source.iterdir()))
    target = places.cache() / "programs" / f"{name}-{hashlib.sha256(pinned).hexdigest()[:12]}"
    program = target / package.rpartition("/")[2]
    with locked(target.with_suffix(".lock")):
        if not program.exists():
            _build(name, package, source, target)
    return program


def _build(name: str, package: str, source: Path, target: Path) -> None:
    if shutil.which("go") is None:
        raise ProgramError(f"building {name} needs Go 1.24 or newer on the PATH: `make .cache/go` brings it")
    print(f"building {name} …", file=sys.stderr, flush=True)
    started = time.monotonic()
    partial = target.with_suffix(".partial")
    environment = os.environ | {"GOFLAGS": "-mod=readonly -trimpath -buildvcs=false", "CGO_ENABLED": "0"}
    done = subprocess.run(
        ["go", "build", "-ldflags=-s -w", "-o", f"{partial}/", package],
        cwd=source, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise ProgramError(f"building {name} failed:\n{done.stderr}")
    partial.rename(target)
    print(f"building {name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def terraform() -> Path:
    """The program that runs the configuration: terraform or tofu on the PATH, else OpenTofu, built.

    `TERRAFORM` names another one; `TERRAFORM=opentofu` builds OpenTofu.
    """
    if chosen := os.environ.get("TERRAFORM"):
        return built("opentofu") if chosen == "opentofu" else _existing("TERRAFORM", Path(chosen))
    for name in ("terraform", "tofu"):
        if found := shutil.which(name):
            return Path(found)
    return built("opentofu")


def provider() -> Path:
    """The directory of the OpenStack provider, which is built.

    `OPENSTACK_PROVIDER` names another one, for instance that of release 3.4.0.
    """
    if chosen := os.environ.get("OPENSTACK_PROVIDER"):
        return _existing("OPENSTACK_PROVIDER", Path(chosen))
    return built("provider").parent


def _existing(variable: str, path: Path) -> Path:
    if not path.exists():
        raise ProgramError(f"{variable} names {path}, which doesn't exist")
    return path
