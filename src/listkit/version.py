"""`listkit version`: the version of the kit, and of the Debian packages that do its work."""

from __future__ import annotations

import argparse
import json
import subprocess

from listkit import __version__

PACKAGES = (
    *("ca-certificates", "certbot", "dbconfig-no-thanks", "libc6", "libsasl2-modules", "libssl3*", "linux-image-*"),
    *("mailman3", "mailman3-web", "nftables", "nginx", "nginx-light", "openssh-client", "openssh-server", "openssl"),
    *("postfix", "postgresql", "postgresql-*", "publicsuffix"),
    *("python3", "python3-aiosmtpd", "python3-django", "python3-django-allauth", "python3-django-hyperkitty"),
    *("python3-django-mailman3", "python3-django-postorius", "python3-django-q", "python3-dnspython"),
    *("python3-mailman-hyperkitty", "python3-mailmanclient", "python3-psycopg2", "python3-sqlalchemy"),
    *("python3-xapian-haystack", "restic", "stunnel4", "systemd", "unattended-upgrades", "uwsgi-core", "zstd"),
)
"""The packages that the roles install, and those below them that a message or a page passes, as dpkg's patterns."""
FORMAT = "${db:Status-Status} ${binary:Package} ${Version} ${source:Package} ${source:Version}\n"


def main(argv: list[str]) -> int:
    """Print the version; return the exit status."""
    parser = argparse.ArgumentParser(prog="listkit version", description="Show the version of the kit.")
    parser.add_argument(
        "--json", action="store_true", help="as JSON, with the Debian release and the packages that matter"
    )
    print(json.dumps(inventory(), indent=2) if parser.parse_args(argv).json else f"listkit {__version__}")
    return 0


def inventory() -> dict[str, object]:
    """Return what runs on this host: the kit, the release, and each package with its source and versions."""
    return {"listkit": __version__, "debian": _release(), "packages": packages(_installed())}


def packages(listing: str) -> list[dict[str, str]]:
    """Return the installed packages in a listing of dpkg-query with `FORMAT`, sorted by name."""
    found = (line.split() for line in listing.splitlines())
    keys = ("name", "version", "source", "source_version")
    return sorted(
        (dict(zip(keys, words[1:], strict=True)) for words in found if words[0] == "installed"),
        key=lambda package: package["name"],
    )


def _installed() -> str:
    command = ["dpkg-query", "--show", f"--showformat={FORMAT}", *PACKAGES]
    # Its status is 1 when one of the packages isn't known.
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _release() -> str:
    import platform

    return platform.freedesktop_os_release().get("VERSION_ID", "")
