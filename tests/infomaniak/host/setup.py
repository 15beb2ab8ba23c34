"""Turns a host of the image `services` into the mail service or the strict receiver.

Arguments: `infomaniak` or `strict`. Standard input: the facts, as JSON; see `infomaniak.service`.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PUBLIC_KEYS = ("infomaniak_key", "strict_key")
COMMAND = """#!/bin/sh
PYTHONPATH=/opt/stand-in exec /usr/bin/python3 -m stand_in "$@"
"""


def main(part: str, facts: dict) -> None:
    """Configure and start everything."""
    _run("useradd", "--uid=5000", "--user-group", "--home-dir=/var/vmail", "--create-home", "vmail")
    _secret("/etc/stand-in/key.pem", facts["tls_key"])
    _file("/etc/stand-in/cert.pem", facts["tls_certificate"])
    public = {name: value for name, value in facts.items() if not name.endswith("key") or name in PUBLIC_KEYS}
    _file("/etc/stand-in/facts.json", json.dumps(public))
    _file("/usr/local/bin/stand-in", COMMAND, 0o755)
    values = {"SELECTOR": facts["selector"], "RESOLVER": facts["infomaniak"]}
    for source in (HERE / "common", HERE / part):
        for path in filter(Path.is_file, source.rglob("*")):
            text = path.read_text()
            for name, value in values.items():
                text = text.replace(f"@{name}@", value)
            _file(Path("/", path.relative_to(source)), text)
    _secret("/etc/opendkim/private.pem", facts[f"{part}_private_key"])
    shutil.chown("/etc/opendkim/private.pem", "opendkim")
    {"infomaniak": _infomaniak, "strict": _strict}[part]()


def _infomaniak() -> None:
    from stand_in import names, switches
    from stand_in.state import FILE, State

    FILE.parent.mkdir()
    state = State()
    state.create()
    # Postfix and Dovecot read it under their own users, and readers of a WAL write to its index.
    FILE.parent.chmod(0o1777)
    for path in FILE.parent.iterdir():
        path.chmod(0o666)
    switches.apply(state, restart=False)
    names.apply(state)
    _start("stand-in", "opendkim", "dovecot", "postfix", "dnsmasq")


def _strict() -> None:
    shutil.chown("/var/mail", "vmail", "vmail")
    _start("opendkim", "opendkim-verify", "opendmarc", "postfix")


def _start(*units: str) -> None:
    _run("systemctl", "daemon-reload")
    _run("systemctl", "enable", "--quiet", *units)
    _run("systemctl", "restart", *units)


def _file(path: str | Path, text: str, mode: int = 0o644) -> None:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def _secret(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).touch(0o600)
    Path(path).write_text(text)


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True)


if __name__ == "__main__":
    main(sys.argv[1], json.load(sys.stdin))
