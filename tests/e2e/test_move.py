"""A site of one host moves to three, lists and archive included, by the steps of docs/setup/several-hosts.md."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import pytest

from deployment import Deployment
from e2e import playbook
from e2e.mailing import MailingList, person
from e2e.website import WebSite, archived
from lab import Host

pytestmark = [pytest.mark.lab, pytest.mark.slow]
IMAGE = "kit-trixie"
DATABASES = ("mailman3", "mailman3web")
# What docs/setup/several-hosts.md has the operator type, step by step.
STOP = "systemctl stop listkit-bridge mailman3 mailman3-web 'listkit-web-job@*.timer' listkit-archive-prune.timer"
DUMP = "cd /tmp && runuser -u postgres -- pg_dump -Fc {0} > {0}.dump"
RESTORE = "cd /tmp && runuser -u postgres -- pg_restore -d {0} < {0}.dump"
PACK = (
    "tar -C / -czf /tmp/web.tar.gz --ignore-failed-read var/lib/mailman3/web var/lib/listkit/acme"
    " var/lib/listkit/certificate var/lib/listkit/lists etc/listkit/secrets/django_secret_key"
)
UNPACK = "install -d -m 0700 /etc/listkit/secrets && tar -C / -xzf /tmp/web.tar.gz"
RETIRE = (
    "systemctl disable --now nginx mailman3-web postgresql listkit-certificate.timer"
    " listkit-web-job@hourly.timer listkit-web-job@daily.timer"
    " listkit-web-job@monthly.timer listkit-web-job@yearly.timer listkit-archive-prune.timer"
)


def carry(source: Host, target: Host, file: str) -> None:
    """Copy a file from host to host."""
    target.run(f"base64 -d > /tmp/{file}", stdin=source.run(f"base64 /tmp/{file}"))


@pytest.fixture
def one_host() -> Iterator[Deployment]:
    """A deployed site of one host, in a lab of its own."""
    deployment = Deployment.up(f"move-{os.getpid()}", {"move": IMAGE})
    playbook.deploy(deployment, "move")
    yield deployment
    deployment.lab.down()


def test_a_site_moves_from_one_host_to_three(one_host: Deployment):
    old = one_host.sites["move"]
    mailing_list = MailingList(one_host, old, f"t{secrets.token_hex(3)}")
    mailing_list.create()
    mailing_list.configure(archive_policy="public")
    author, reader = person("author"), person("reader")
    mailing_list.add(author, reader)
    mailing_list.post(author, "Before")
    mailing_list.arrives(reader, "Before")
    archived(WebSite.of(old).browser(), mailing_list.address, "Before")
    certificate = WebSite.of(old).certificate

    old.host.run(STOP)
    mailing_list.post(author, "Meanwhile")
    for database in DATABASES:
        old.host.run(DUMP.format(database))
    old.host.run(PACK)

    moved = Deployment.up(one_host.lab.name, {"move": ",".join([IMAGE] * 3)})
    new = moved.sites["move"]
    playbook.deploy(moved, "move", "--limit", f"localhost,{new.database.name}")
    for database in DATABASES:
        carry(old.host, new.database, f"{database}.dump")
        new.database.run(RESTORE.format(database))
    carry(old.host, new.web, "web.tar.gz")
    new.web.run(UNPACK)
    old.host.run(RETIRE)
    playbook.deploy(moved, "move")

    mailing_list = MailingList(moved, new, mailing_list.name)
    assert set(mailing_list.members()) == {author, reader}
    mailing_list.arrives(reader, "Meanwhile")
    website = WebSite.of(new)
    assert website.certificate == certificate
    for subject in ("Before", "Meanwhile"):
        archived(website.browser(), mailing_list.address, subject)
    website.superuser()
    for host in new.hosts:
        host.run("listkit check --wait 60")
