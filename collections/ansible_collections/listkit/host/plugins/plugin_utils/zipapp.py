# SPDX-License-Identifier: MIT
"""Reproducible zipapps: their bytes depend only on the sources."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

# The earliest date in a zip file.
EPOCH = (1980, 1, 1, 0, 0, 0)
REGULAR_FILE_0644 = 0o100644 << 16
LAUNCHER = "import sys\n\nfrom {module} import {function}\n\nsys.exit({function}())\n"


def build(package: Path, main: str, interpreter: str, libraries: Mapping[str, Path] = MappingProxyType({})) -> bytes:
    """Return the executable zip archive of `package`.

    `package` is the directory of one Python package; `main` is the function to call, as `module:function`.
    `libraries` are further modules and packages that it imports: the dotted name of each, and the directory of the
    first part of that name.
    It is not compressed, so that its bytes don't depend on the machine's zlib.
    """
    module, _, function = main.partition(":")
    if not (module and function.isidentifier()):
        raise ValueError(f"main is {main!r}, but must be 'module:function', such as 'listkit.cli:main'")
    if not (package / "__init__.py").is_file():
        raise ValueError(f"{package} is not a Python package: it has no __init__.py")
    members = {str(path.relative_to(package.parent)): path.read_bytes() for path in _sources(package)}
    for name, root in libraries.items():
        members.update(_library(name, root))
    members["__main__.py"] = LAUNCHER.format(module=module, function=function).encode()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as output:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = REGULAR_FILE_0644
            output.writestr(entry, members[name])
    return f"#!{interpreter}\n".encode() + archive.getvalue()


def _library(name: str, root: Path) -> dict[str, bytes]:
    """Return the files of a module or package by their path in the archive, each below packages."""
    path = root.joinpath(*name.split("."))
    files = _sources(path) if path.is_dir() else [path.with_suffix(".py")]
    parents = [parent for file in files for parent in file.relative_to(root).parents if parent != Path()]
    # Before Python 3.13, a package in an archive needs the file.
    members = {str(parent / "__init__.py"): b"" for parent in parents}
    try:
        return members | {str(file.relative_to(root)): file.read_bytes() for file in files}
    except OSError as error:
        raise ValueError(f"there is no module {name} below {root}") from error


def _sources(package: Path) -> list[Path]:
    return [
        path
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    ]
