"""What is in the way of an upgrade to Debian 13 is found on a real host, all of it at once, before anything changes."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest

from deployment import Deployment, Site
from e2e.website import MANAGE

pytestmark = [pytest.mark.lab, pytest.mark.slow]

CHECK = "listkit upgrade check"
# What the check sees, and nobody else: a small disk for PostgreSQL.
SMALL_DISK = f"unshare --mount sh -c 'mount -t tmpfs -o size=1m none /var/lib/postgresql && {CHECK}'"
OTHER = "/srv/other"
OTHER_SOURCE = "/etc/apt/sources.list.d/other.list"
UPDATE_OTHER = (
    f"apt-get update -qq -o Dir::Etc::SourceList={OTHER_SOURCE} -o Dir::Etc::SourceParts=- -o APT::Get::List-Cleanup=0"
)
PACKAGE = (
    "Package: listkit-test\nVersion: 1\nArchitecture: all\nMaintainer: Test <test@example.org>\nDescription: test\n"
)
BREAK = (
    "apt-mark hold zstd",
    f"mkdir -p {OTHER} && (cat && printf 'Filename: ./test.deb\\nSize: 1\\n') > {OTHER}/Packages"
    f" && echo 'deb [trusted=yes] file:{OTHER} ./' > {OTHER_SOURCE}",
    UPDATE_OTHER,
    # Half installed: dpkg has unpacked it, and hasn't configured it.
    f"install -D -m 0644 /dev/stdin {OTHER}/package/DEBIAN/control && dpkg-deb -b {OTHER}/package {OTHER}/test.deb"
    f" && dpkg --unpack {OTHER}/test.deb",
    "systemd-run --quiet --unit=test-lock python3 -c"
    ' \'import fcntl, time; lock = open("/var/lib/dpkg/lock-frontend", "w"); fcntl.lockf(lock, fcntl.LOCK_EX);'
    " time.sleep(600)'",
)
MEND = (
    "systemctl stop test-lock 2> /dev/null; apt-mark unhold zstd; dpkg --purge listkit-test;"
    f" rm -rf {OTHER} {OTHER_SOURCE} /var/lib/apt/lists/_srv_other*; true"
)
REASONS = (
    "packages are held back: zstd",
    f"a source that isn't Debian 12's: file:{OTHER}",
    "packages are half installed",
    "another program installs packages",
    "the disk of /var/lib/postgresql has 0.0 GiB free",
    "differ only in case",
)
ACCOUNTS = """
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
for name, email in ({name!r}, {email!r}), ({name!r} + "2", {email!r}.capitalize()):
    account = get_user_model().objects.create(username=name, email=email)
    EmailAddress.objects.create(user=account, email=email, verified=True, primary=True)
"""
FORGET = (
    "from django.contrib.auth import get_user_model\nget_user_model().objects.filter(email__iexact={email!r}).delete()"
)


@pytest.fixture
def broken_site(deployment: Deployment, release: str) -> Iterator[Site]:
    """A site with all that can be in the way, on Debian 12."""
    site = deployment.sites[release]
    name = f"u{secrets.token_hex(3)}"
    email = f"{name}@example.org"
    try:
        for command in BREAK:
            site.host.run(command, stdin=PACKAGE)
        site.host.run(f"{MANAGE} shell", stdin=ACCOUNTS.format(name=name, email=email))
        yield site
    finally:
        site.host.run(MEND)
        site.host.run(f"{MANAGE} shell", stdin=FORGET.format(email=email))


@pytest.mark.every_release
def test_everything_in_the_way_of_an_upgrade_is_reported_at_once_with_nothing_changed(
    request: pytest.FixtureRequest, deployment: Deployment, release: str
):
    host = deployment.sites[release].host
    status = json.loads(host.run("listkit upgrade status"))
    if release != "bookworm":
        assert (status["debian"], status["left"]) == ("13", [])
        return
    assert (status["debian"], status["step"], status["left"]) == ("12", "", ["stop", "packages", "database"])
    request.getfixturevalue("broken_site")
    host.wait_until(f"{CHECK} 2>&1 | grep -q 'another program installs'", "another program to lock dpkg", 60)
    said = host.try_run(SMALL_DISK).stderr
    assert reported(said) == list(REASONS) and "Nothing was changed." in said, said

    host.run(MEND)
    assert reported(host.try_run(CHECK).stderr) == ["differ only in case"]
    host.run("listkit upgrade addresses --merge")
    assert reported(host.try_run(CHECK).stderr) == []
    assert json.loads(host.run("listkit upgrade status")) == status


def reported(said: str) -> list[str]:
    """Return the reasons that the check has reported."""
    return [reason for reason in REASONS if reason in said]
