"""A backup brings a site back: what people made is as it was, and members get nothing twice."""

from __future__ import annotations

import json
import secrets
from email.message import EmailMessage

import pytest

from deployment import Deployment, Site
from e2e import playbook
from e2e.browser import first
from e2e.mailing import MailingList, person
from e2e.website import WebSite, archived
from infomaniak import compose

pytestmark = [pytest.mark.lab, pytest.mark.one_release, pytest.mark.same_site]

STATE = "/var/lib/listkit/backup"
SHOWN = f"{STATE}/staging/databases"
"""It is there while the databases are dumped."""
UNITS = "listkit-bridge listkit-budget mailman3 mailman3-web postfix postfix@-"
DESTROY = f"""
systemctl stop {UNITS} 'listkit-*.timer'
cd /
for database in mailman3 mailman3web; do
    runuser -u postgres -- psql -qd $database -c 'DROP SCHEMA public CASCADE' -c 'CREATE SCHEMA public'
    runuser -u postgres -- psql -qd $database -c 'ALTER SCHEMA public OWNER TO pg_database_owner'
done
rm -rf /var/lib/mailman3/data /var/lib/mailman3/messages /var/lib/mailman3/lists /var/lib/mailman3/queue
rm -rf /var/lib/listkit/budget /var/lib/listkit/certificate /var/lib/private/listkit-bridge
rm -rf /etc/listkit/secrets/rest_password /etc/listkit/secrets/django_secret_key /etc/listkit/secrets/archiver_key
"""
KILL_BACKUP = f"""
systemctl start --no-block listkit-backup
until [ -e {SHOWN} ]; do sleep 0.02; done
systemctl kill --signal=KILL listkit-backup
until systemctl is-failed -q listkit-backup; do sleep 0.05; done
"""
KILL_RESTORE = f"""
listkit backup restore --replace > /dev/null 2>&1 & pid=$!
until [ -e {STATE}/restoring.json ]; do sleep 0.02; done
kill -9 $pid
"""


def with_attachment(author: str, to: str, subject: str, content: str) -> EmailMessage:
    """A post with a file."""
    message = compose(author, to, subject, "See the file.\n")
    message.add_attachment(content.encode(), maintype="application", subtype="octet-stream", filename="figures.bin")
    return message


def what_people_made(mailing_list: MailingList) -> dict[str, object]:
    """A list as its owner sees it."""
    held = [{key: entry[key] for key in ("message_id", "sender", "subject")} for entry in mailing_list.held()]
    settings = mailing_list.rest("GET", f"lists/{mailing_list.address}/config")
    bans = mailing_list.rest("GET", f"lists/{mailing_list.address}/bans").get("entries", [])
    changing = ("http_etag", "last_post_at")
    return {
        "members": sorted(mailing_list.members()),
        "held": held,
        "bans": [ban["email"] for ban in bans],
        "settings": {name: value for name, value in settings.items() if name not in changing},
    }


def backups(site: Site) -> int:
    """How many backups the repository has."""
    return len(json.loads(site.host.run("listkit backup list --json")))


def spent(site: Site) -> int:
    """Recipients that the budget knows of in its window."""
    return sum(account["used"] for account in json.loads(site.host.run("listkit budget --json"))["accounts"])


@pytest.fixture
def site(deployment: Deployment, release: str) -> Site:
    """A site of one host."""
    found = deployment.sites[release]
    if found.split:
        pytest.skip("the kit backs up sites of one host")
    return found


def test_everything_comes_back_and_nothing_twice(
    deployment: Deployment, release: str, site: Site, mailing_list: MailingList
):
    stand_in, host, website = deployment.stand_in, site.host, WebSite.of(site)
    author, stranger, newcomer, banned = map(person, ("author", "stranger", "newcomer", "banned"))
    mailing_list.configure(archive_policy="public", description="As it was", subscription_policy="confirm")
    mailing_list.add(author)
    mailing_list.rest("POST", f"lists/{mailing_list.address}/bans", email=banned)
    content = secrets.token_hex(2000)
    stand_in.post(author, mailing_list.address, with_attachment(author, mailing_list.address, "Before", content))
    mailing_list.post(stranger, "Held")
    mailing_list.command(newcomer, "join")
    request = mailing_list.arrives(newcomer, "confirm")
    mailing_list.arrives(author, "Before")
    archived(website.browser(), mailing_list.address, "Before")
    stand_in.wait(mailing_list.held, "the stranger's post to be held")
    mailing_list.settle()
    before, budget = what_people_made(mailing_list), spent(site)

    # One that is killed leaves mail flowing and no backup; the next one is whole.
    host.run("systemctl start listkit-backup")
    host.run(KILL_BACKUP)
    assert "T" not in host.run("ps -u list -o state=")
    known = backups(site)
    host.run("systemctl start listkit-backup")
    assert backups(site) == known + 1
    host.run("listkit backup verify --all && listkit backup drill")
    mailing_list.post(author, "Meanwhile")
    mailing_list.arrives(author, "Meanwhile")
    mailing_list.settle()

    host.run(DESTROY)
    host.run(KILL_RESTORE)
    refused = playbook.run(deployment, release, "playbook.yml", "--tags", "backup")
    assert refused.returncode != 0 and "A restore was interrupted" in refused.stdout
    restored = playbook.run(deployment, release, "playbooks/restore.yml")
    assert restored.returncode == 0, restored.stdout[-6000:]
    assert "restores backup" in restored.stdout

    mailing_list.settle()
    assert what_people_made(mailing_list) == before
    assert spent(site) >= budget
    assert WebSite.of(site).certificate == website.certificate
    website.superuser()
    thread = archived(website.browser(), mailing_list.address, "Before")
    assert website.browser().get(first(r'href="([^"]*/attachment/[^"]+)"', thread.text)).text == content
    # A link in a mail from before the disaster, and what was posted since the backup.
    mailing_list.answer(newcomer, request)
    stand_in.wait(lambda: newcomer in mailing_list.members(), "the newcomer to be a member")
    mailing_list.post(author, "Afterwards")
    mailing_list.arrives(newcomer, "Afterwards")
    assert mailing_list.copies([author], "Before") == {author: 1}
    assert mailing_list.copies([author], "Meanwhile") == {author: 1}
    not_empty = host.try_run("listkit backup restore --plan")
    assert not_empty.returncode == 1 and "this host is not empty" in not_empty.stderr
