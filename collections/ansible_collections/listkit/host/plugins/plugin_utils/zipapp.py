# SPDX-License-Identifier: MIT
"""Reproducible zipapps: their bytes depend only on the sources."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

# The earliest date in a zip file.
EPOCH = (1980, 1, 1, 0, 0, 0)
REGULAR_FILE_0644 = 0o100644 << 16
LAUNCHER = "import sys\n\nfrom {module} import {function}\n\nsys.exit({function}())\n"


def build(package: Path, main: str, interpreter: str) -> bytes:
    """Return the executable zip archive of `package`.

    `package` is the directory of one Python package; `main` is the function to call, as `module:function`.
    It is not compressed, so that its bytes don't depend on the machine's zlib.
    """
    module, _, function = main.partition(":")
    if not (module and function.isidentifier()):
        raise ValueError(f"main is {main!r}, but must be 'module:function', such as 'listkit.cli:main'")
    if not (package / "__init__.py").is_file():
        raise ValueError(f"{package} is not a Python package: it has no __init__.py")
    members = {str(path.relative_to(package.parent)): path.read_bytes() for path in _sources(package)}
    members["__main__.py"] = LAUNCHER.format(module=module, function=function).encode()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as output:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = REGULAR_FILE_0644
            output.writestr(entry, members[name])
    return f"#!{interpreter}\n".encode() + archive.getvalue()


def _sources(package: Path) -> list[Path]:
    return [
        path
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    ]
