"""The zipapp's bytes depend on its sources alone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from ansible_collections.listkit.host.plugins.plugin_utils import zipapp

INTERPRETER = f"{sys.executable} -I"


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "pkg"
    (folder / "sub").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "sub" / "__init__.py").write_text("WORD = 'hello'\n")
    (folder / "cli.py").write_text(
        "import sys\nfrom pkg.sub import WORD\ndef main():\n    print(WORD, *sys.argv[1:])\n    return 3\n"
    )
    return folder


def test_runs_isolated_with_arguments_and_exit_status(package, tmp_path):
    path = tmp_path / "x.pyz"
    path.write_bytes(zipapp.build(package, "pkg.cli:main", INTERPRETER))
    path.chmod(0o755)
    done = subprocess.run([path, "there"], capture_output=True, text=True, cwd="/", check=False)
    assert (done.stdout, done.returncode) == ("hello there\n", 3)


def test_same_bytes_whatever_dates_modes_and_caches(package):
    first = zipapp.build(package, "pkg.cli:main", INTERPRETER)
    os.utime(package / "cli.py", (1, 1))
    (package / "cli.py").chmod(0o600)
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "cli.cpython-311.pyc").write_bytes(b"junk")
    assert zipapp.build(package, "pkg.cli:main", INTERPRETER) == first
    (package / "cli.py").write_text("def main(): ...\n")
    assert zipapp.build(package, "pkg.cli:main", INTERPRETER) != first


def test_brings_libraries_along(package, tmp_path):
    for name, text in {"a/b/module.py": "X = 1\n", "a/b/c/__init__.py": "Y = 2\n", "a/b/c/d.py": "Z = 3\n"}.items():
        (tmp_path / "lib" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lib" / name).write_text(text)
    (package / "cli.py").write_text(
        "from a.b.module import X\nfrom a.b.c import Y\nfrom a.b.c.d import Z\ndef main():\n    return X + Y + Z\n"
    )
    path = tmp_path / "x.pyz"
    libraries = {"a.b.module": tmp_path / "lib", "a.b.c": tmp_path / "lib"}
    path.write_bytes(zipapp.build(package, "pkg.cli:main", INTERPRETER, libraries))
    path.chmod(0o755)
    assert subprocess.run([path], cwd="/", check=False).returncode == 6
    with pytest.raises(ValueError, match=r"there is no module a\.x below"):
        zipapp.build(package, "pkg.cli:main", INTERPRETER, {"a.x": tmp_path / "lib"})


@pytest.mark.parametrize("main", ["pkg.cli", ":main", "pkg.cli:", "pkg.cli:two words"])
def test_wrong_main(package, main):
    with pytest.raises(ValueError, match=r"must be 'module:function', such as 'listkit\.cli:main'"):
        zipapp.build(package, main, INTERPRETER)


def test_no_package(tmp_path):
    with pytest.raises(ValueError, match="is not a Python package"):
        zipapp.build(tmp_path, "a:b", INTERPRETER)
