"""Check a part of nginx's configuration before it is installed."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

_MAIN_FILE = """\
pid {folder}/nginx.pid;
error_log stderr warn;
include /etc/nginx/modules-enabled/*.conf;
events {{}}
http {{
    include /etc/nginx/mime.types;
    include {file};
}}
"""


def check(file: Path) -> int:
    """Return the exit status of nginx's test of `file`, which is meant for `/etc/nginx/conf.d/`.

    nginx's messages go to standard error.
    """
    with tempfile.TemporaryDirectory() as folder:
        main_file = Path(folder) / "nginx.conf"
        main_file.write_text(_MAIN_FILE.format(folder=folder, file=file))
        return subprocess.run(["/usr/sbin/nginx", "-t", "-q", "-c", str(main_file)], check=False).returncode
