"""Images that hosts boot from: stacks of directories, each made by a script on top of its parent.

`base-<release>` is Debian as a cloud provider ships it; `kit-<release>` adds the packages that the kit installs, in
apt's archive and not installed; `services` holds the stand-in mail service's software, `openstack` the stand-in
cloud's, and `machine-<release>` is what that cloud boots. An image is rebuilt when its recipe changes or when it is
older than `MAX_AGE`: apt's lists in it would point at packages that the archive has dropped.
"""

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from lab import keys, mounts, places
from lab.commands import locked, run
from lab.errors import LabError

RECIPES = places.HERE / "images"
SERVICES = places.HERE.parent / "infomaniak/image"
OPENSTACK = places.HERE.parent / "openstack"
MAX_AGE = 7 * 24 * 3600
BASE_PACKAGES = (
    "ca-certificates,dbus,iproute2,iputils-ping,less,netbase,openssh-server,procps,python3,python3-apt,sudo,systemd,"
    "systemd-sysv,tzdata"
)


@dataclass(frozen=True)
class Recipe:
    """How an image is made: `script` runs inside it, on top of `parent` or, without one, of a fresh minbase root."""

    release: str
    script: Path
    parent: str | None = None
    inputs: tuple[Path, ...] = field(default=())


def _recipes() -> dict[str, Recipe]:
    made = {}
    kit = (RECIPES / "kit-packages.txt", RECIPES / "bytecode.sh")
    for release in ("bookworm", "trixie"):
        made[f"base-{release}"] = Recipe(release, RECIPES / "base.sh")
        made[f"kit-{release}"] = Recipe(release, RECIPES / "kit.sh", f"base-{release}", kit)
    made["services"] = Recipe("bookworm", SERVICES / "build.sh", "base-bookworm", (SERVICES / "packages.txt",))
    cloud = sorted(path for path in (OPENSTACK / "image").iterdir() if path.name != "build.sh")
    packages = OPENSTACK / "packages"
    made["openstack-packages"] = Recipe("trixie", packages / "build.sh", "base-trixie", (packages / "packages.txt",))
    made["openstack"] = Recipe("trixie", OPENSTACK / "image/build.sh", "openstack-packages", tuple(cloud))
    made["machine-trixie"] = Recipe("trixie", OPENSTACK / "machine/build.sh", "kit-trixie")
    return made


ALL = _recipes()


def layers(name: str) -> list[Path]:
    """Build what is missing of an image and return its directories, topmost first, as overlayfs wants them."""
    recipe = _recipe(name)
    below = layers(recipe.parent) if recipe.parent else []
    top = places.images() / f"{name}-{key(name)}"
    with locked(places.images() / f"{name}.lock"):
        if not _usable(top):
            _build(name, recipe, below, top)
    return [top, *below]


def build(names: Iterable[str]) -> None:
    """Build several images, side by side."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(layers, names))


def version(name: str) -> str:
    """Which build of an image a host boots from now; building it again changes it."""
    return " ".join(f"{layer.name} {_built(layer).stat().st_mtime:.0f}" for layer in layers(name))


def _recipe(name: str) -> Recipe:
    try:
        return ALL[name]
    except KeyError:
        raise LabError(f"no image is called {name!r}; there are {', '.join(ALL)}") from None


def key(name: str) -> str:
    """A hash of everything that the image is made from."""
    recipe = _recipe(name)
    pair = keys.ensure()
    digest = hashlib.sha256(key(recipe.parent).encode() if recipe.parent else BASE_PACKAGES.encode())
    digest.update(keys.public(pair.login).encode() + keys.public(pair.host).encode())
    for path in (recipe.script, *recipe.inputs):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _usable(directory: Path) -> bool:
    return directory.exists() and time.time() - _built(directory).stat().st_mtime < MAX_AGE


def _built(directory: Path) -> Path:
    """The file that says when an image was finished; overlay layers can't carry it themselves."""
    return directory.with_name(directory.name + ".built")


def _build(name: str, recipe: Recipe, below: list[Path], top: Path) -> None:
    started = time.monotonic()
    print(f"building image {name} …", file=sys.stderr, flush=True)
    partial = top.with_name(f"{top.name}.{int(time.time())}.partial")
    partial.mkdir(parents=True)
    log = places.images() / f"{name}.log"
    try:
        if recipe.parent is None:
            _bootstrap(recipe.release, partial)
        log.write_text(_run_inside(recipe, partial, below))
        # Hosts of an outdated image may still be running on it: it is replaced, never changed.
        if top.exists():
            top.rename(top.with_name(f"{top.name}.{int(time.time())}.old"))
        partial.rename(top)
        _built(top).touch()
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)  # the first error is the one to tell
        raise
    print(f"building image {name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def _bootstrap(release: str, root: Path) -> None:
    run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={BASE_PACKAGES}", "--skip=cleanup/apt/lists",
        release, root)  # fmt: skip


def _run_inside(recipe: Recipe, top: Path, below: list[Path]) -> str:
    """Run an image's script in its root; what it writes lands in `top`."""
    pair = keys.ensure()
    scratch = top.with_name(top.name + ".scratch")
    empty = scratch / "empty"
    empty.mkdir(parents=True)
    inside = [
        "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--pipe", "--resolv-conf=off",
        f"--bind-ro={mounts.resolver_file()}:/etc/resolv.conf",
        f"--bind-ro={pair.host}:/run/lab/host_key",
        f"--bind-ro={pair.host}.pub:/run/lab/host_key.pub",
        f"--bind-ro={recipe.script}:/run/lab/script",
        *(f"--bind-ro={path}:/run/lab/{path.name}" for path in recipe.inputs),
        "--setenv=DEBIAN_FRONTEND=noninteractive",
    ]  # fmt: skip
    command = ["/bin/sh", "/run/lab/script", recipe.release, keys.public(pair.login)]
    group = f"listkit-lab/{top.name}"
    try:
        return run(*mounts.in_overlay(group, [str(path) for path in below or [empty]], top, scratch, inside, command))
    finally:
        mounts.kill_group(group)
        shutil.rmtree(scratch, ignore_errors=True)  # the next build begins with one of its own


def prune() -> None:
    """Remove images that no recipe asks for any more and that neither a running host nor a snapshot uses."""
    wanted = {f"{name}-{key(name)}" for name in ALL}
    records = [*places.labs().glob("*/*/layers"), *places.snapshots().glob("*/*/layers")]
    used = "\n".join(path.read_text() for path in records)
    for path in places.images().iterdir():
        if path.is_dir() and path.name not in wanted and str(path) not in used:
            shutil.rmtree(path)
            _built(path).unlink(missing_ok=True)
    os.sync()
