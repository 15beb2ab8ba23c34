"""Mail that other projects test their programs with, from Debian's source packages.

`packages.json` lists the packages: the upstream version, the release of Debian that has it, whether the messages in it
are posts or bounces, and the folders that they are in, as a regular expression. The sources are downloaded when a test
runs, and kept in a cache. Nothing of them is part of this repository.
"""

from __future__ import annotations

import email
import hashlib
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.commands import locked, run
from lab.places import cache

PACKAGES = Path(__file__).with_name("packages.json")
LARGEST_OCTETS = 2_000_000

_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
_TELLING_FIELDS = re.compile(rb"(?im)^(from|to|subject|date|message-id|received|mime-version|return-path)[ \t]*:")
_MBOX_SEPARATOR = re.compile(rb"(?m)^From [^\r\n]*\d{4}[^\r\n]*\r?\n")
_NO_MAIL = re.compile(r"\.(?:py|pl|pm|t|sh|go|c|h|cc|cpp|html?|json|out|expected|golden|png|gz|am|in|dec|xml|parsed)$")


@dataclass(frozen=True)
class Package:
    """A source package."""

    package: str
    version: str
    suite: str
    kind: str
    folder: str


@dataclass(frozen=True)
class Specimen:
    """A message, and where it is from."""

    origin: str
    octets: bytes


def packages(kind: str) -> list[Package]:
    """The packages with messages of a kind: `posts` or `bounces`."""
    return [one for one in (Package(**entry) for entry in json.loads(PACKAGES.read_text())) if one.kind == kind]


def specimens(kind: str) -> list[Specimen]:
    """All messages of a kind, without those that the packages have in common. Raises `LabError` without the sources."""
    found = {}
    for package in packages(kind):
        for specimen in messages_in(download(package), package):
            found.setdefault(_identity(specimen.octets), specimen)
    return list(found.values())


def _identity(octets: bytes) -> tuple:
    """What copies of one message have in common; some are in several packages, with other fields on top."""
    message = email.message_from_bytes(octets)
    body = re.split(rb"\r?\n\r?\n", octets, maxsplit=1)[-1]
    return str(message["message-id"]), str(message["date"]), hashlib.sha256(b"".join(body.split())).digest()


def download(package: Package) -> Path:
    """The package's tar archive, which is downloaded unless the cache has it."""
    folder = cache() / "corpus"
    pattern = f"{package.package}_{package.version}.orig.tar.*"
    with locked(folder / "lock"):
        if not (found := [*folder.glob(pattern)]):
            _apt(folder, package.suite, "source", "--quiet", "--download-only", "--tar-only", package.package)
            found = [*folder.glob(pattern)]
    if not found:
        raise FileNotFoundError(f"{package.suite} has {package.package} in another version than {package.version}")
    return found[0]


def _apt(folder: Path, suite: str, *words: str) -> None:
    """Run apt-get with the sources of a release, from the mirror that this machine uses, and with files of its own."""
    state = folder / suite
    for name in ("lists/partial", "archives/partial"):
        (state / name).mkdir(parents=True, exist_ok=True)
    sources = state / "sources.list"
    options = [f"-oDir::Etc::sourcelist={sources}", "-oDir::Etc::sourceparts=/dev/null", "-oAPT::Sandbox::User=root",
               f"-oDir::State::lists={state}/lists", f"-oDir::Cache={state}"]  # fmt: skip
    if not sources.exists():
        sources.write_text(f"deb-src {_mirror()} {suite} main\n")
        run("apt-get", *options, "update")
    run("env", f"--chdir={folder}", "apt-get", *options, *words)


def _mirror() -> str:
    targets = run("apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages")
    return next(line.split()[1] for line in targets.splitlines() if line.startswith("Debian "))


def messages_in(archive: Path, package: Package) -> Iterator[Specimen]:
    """The messages in the package's folders; a mailbox has several."""
    with tarfile.open(archive) as tar:
        for member in tar:
            folder, _, name = member.name.partition("/")[2].rpartition("/")
            of_interest = re.search(rf"(?:^|/){package.folder}(?:/|$)", folder) and not _NO_MAIL.search(name)
            if not of_interest or not member.isfile() or member.size > LARGEST_OCTETS:
                continue
            content = tar.extractfile(member).read()
            for number, octets in enumerate(_split(content)):
                if _is_message(octets):
                    yield Specimen(f"{package.package}: {folder}/{name}#{number}", octets)


def _split(content: bytes) -> list[bytes]:
    """The messages of a mailbox; a file that is none as it stands."""
    if not _MBOX_SEPARATOR.match(content):
        return [content]
    return [one for one in _MBOX_SEPARATOR.split(content) if one.strip()]


def _is_message(octets: bytes) -> bool:
    """Whether it begins with a header, one line of which may be broken."""
    head = re.split(rb"\r?\n\r?\n", octets[:65_536], maxsplit=1)[0]
    lines = head.splitlines()
    fields = sum(1 for line in lines if _FIELD.match(line) or line[:1] in b" \t")
    return len(lines) > 1 and fields >= len(lines) - 1 and len(set(_TELLING_FIELDS.findall(head.lower()))) > 1
