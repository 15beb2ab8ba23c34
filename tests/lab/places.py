"""Where the lab keeps its things."""

import os
import pwd
from pathlib import Path

HERE = Path(__file__).resolve().parent


def cache() -> Path:
    """The directory of images, keys and running labs: `LAB_CACHE`, or a directory in the caller's cache.

    Under sudo the caller is the user who typed it: otherwise root would build a second set of images.
    """
    if chosen := os.environ.get("LAB_CACHE"):
        return Path(chosen)
    if sudo_user := os.environ.get("SUDO_USER"):
        return Path(pwd.getpwnam(sudo_user).pw_dir) / ".cache/listkit-lab"
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "listkit-lab"


def images() -> Path:
    """Built images, one directory for each key."""
    return cache() / "images"


def labs() -> Path:
    """Running labs, one directory for each name."""
    return cache() / "labs"


def snapshots() -> Path:
    """Snapshots of labs, one directory for each."""
    return cache() / "snapshots"
