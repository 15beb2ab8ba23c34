"""The loopback endpoints are read from their file, inside the zipapp too."""

import json
import subprocess
import sys
from pathlib import Path

from ansible_collections.listkit.host.plugins.plugin_utils import zipapp

from listkit.common import endpoints

SOURCES = Path(endpoints.__file__).parents[1]


def test_every_entry_of_the_file_has_a_constant():
    facts = json.loads(Path(endpoints.__file__).with_name("endpoints.json").read_text())
    assert sorted(name.upper() for name in facts) == sorted(
        name for name, value in vars(endpoints).items() if isinstance(value, endpoints.Endpoint)
    )


def test_urls_are_made_of_the_facts():
    assert endpoints.CORE_REST.url == f"http://127.0.0.1:{endpoints.CORE_REST.port}/3.1"
    assert endpoints.ARCHIVE.url == f"http://127.0.0.1:{endpoints.ARCHIVE.port}/hyperkitty/"
    assert endpoints.CORE_LMTP.address == ("127.0.0.1", endpoints.CORE_LMTP.port)


def test_they_are_found_inside_the_zipapp(tmp_path):
    archive = tmp_path / "listkit.pyz"
    archive.write_bytes(zipapp.build(SOURCES, "listkit.__main__:main", "/usr/bin/python3"))
    code = "from listkit.common import endpoints; print(endpoints.__file__, endpoints.CORE_REST.url)"
    answer = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(archive)!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.split() == [f"{archive}/listkit/common/endpoints.py", endpoints.CORE_REST.url]
