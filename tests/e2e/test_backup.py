"""A backup brings a site back: what people made is as it was, and members get nothing twice."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
from email.message import EmailMessage

import pytest

from deployment import Deployment, Site
from e2e import playbook
from e2e.browser import first
from e2e.mailing import MailingList, person
from e2e.website import WebSite, archived
from infomaniak import compose

pytestmark = [pytest.mark.lab, pytest.mark.one_release, pytest.mark.same_site]

RUNBOOK = (playbook.ROOT / "docs/runbooks/backup.md").read_text()
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
KILL_WHILE_PAUSED = """
systemctl start listkit-backup-freeze
ps -u list -o state= | grep -q T
systemctl kill --signal=KILL listkit-backup-freeze
until systemctl is-failed -q listkit-backup-freeze; do sleep 0.05; done
systemctl reset-failed listkit-backup-freeze
for try in $(seq 100); do ps -u list -o state= | grep -q T || exit 0; sleep 0.1; done
exit 1
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


def commands(heading: str) -> str:
    """The commands for the host that the runbook has below a heading."""
    section = RUNBOOK.partition(f"{heading}\n")[2].partition("\n#")[0]
    return "\n".join(re.findall(r"^    (.+)$", section, re.MULTILINE))


def proof(site: Site) -> dict[str, object]:
    """What the last drill has proven."""
    return json.loads(site.host.run(f"cat {STATE}/record.json"))["proof"]


def spent(site: Site) -> int:
    """Recipients that the budget knows of in its window."""
    return sum(account["used"] for account in json.loads(site.host.run("listkit budget --json"))["accounts"])


def restore_list(
    deployment: Deployment, release: str, mailing_list: MailingList, *words: str, **variables: object
) -> subprocess.CompletedProcess[str]:
    """Bring a list back from the newest backup."""
    name = "playbooks/restore_list.yml"
    return playbook.run(deployment, release, name, *words, restore_list=mailing_list.address, **variables)


def said(run: subprocess.CompletedProcess[str]) -> str:
    """What Ansible said, without the line breaks that it adds."""
    return " ".join(run.stdout.split())


@pytest.fixture
def site(deployment: Deployment, release: str) -> Site:
    """A site of one host."""
    found = deployment.sites[release]
    if found.split:
        pytest.skip("test_backup_split.py has the site of several hosts")
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
    # What lists had that are deleted now.
    stand_in.service.run(f"doveadm expunge -u {site.mailbox.login} mailbox Processed all")
    before, budget = what_people_made(mailing_list), spent(site)

    # One that is killed leaves mail flowing and no backup; the next one is whole.
    host.run("systemctl start listkit-backup")
    host.run(KILL_BACKUP)
    assert "T" not in host.run("ps -u list -o state=")
    host.run(KILL_WHILE_PAUSED)
    assert "T" not in host.run("ps -u list -o state=")
    known = backups(site)
    host.run(f"set -e\n{commands('### The drill failed')}\nrm /root/databases.sql.gz")
    assert backups(site) == known + 1
    assert proof(site)["searched"] >= 1
    limits = host.run("systemctl show -p Nice,MemoryHigh,OOMScoreAdjust listkit-backup-drill")
    assert {"Nice=10", "OOMScoreAdjust=900"} < set(limits.split()) and "MemoryHigh=infinity" not in limits
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
    # The site handles again what came since the backup, and what it knows already only once.
    assert "docs/runbooks/restore.md#the-gap" in restored.stdout
    for _ in range(2):
        assert "moved to the inbox" in host.run("listkit backup gap --fetch")
        archived(WebSite.of(site).browser(), mailing_list.address, "Meanwhile")
        mailing_list.settle()
    assert mailing_list.copies([author], "Meanwhile") == {author: 2}
    assert mailing_list.copies([author], "Before") == mailing_list.copies([author], "Afterwards") == {author: 1}
    not_empty = host.try_run("listkit backup restore --plan")
    assert not_empty.returncode == 1 and "this host is not empty" in not_empty.stderr


def test_one_list_comes_back_and_no_other_changes(
    deployment: Deployment, release: str, site: Site, mailing_list: MailingList
):
    stand_in, host, website = deployment.stand_in, site.host, WebSite.of(site)
    author, stranger, newcomer, other = map(person, ("author", "stranger", "newcomer", "other"))
    mailing_list.configure(archive_policy="public", description="As it was", subscription_policy="confirm")
    mailing_list.add(author)
    mailing_list.rest("POST", f"lists/{mailing_list.address}/bans", email=person("banned"))
    content = secrets.token_hex(2000)
    stand_in.post(author, mailing_list.address, with_attachment(author, mailing_list.address, "Before", content))
    mailing_list.post(stranger, "Held")
    mailing_list.command(newcomer, "join")
    request = mailing_list.arrives(newcomer, "confirm")
    mailing_list.arrives(author, "Before")
    archived(website.browser(), mailing_list.address, "Before")
    stand_in.wait(mailing_list.held, "the stranger's post to be held")
    mailing_list.settle()
    before = what_people_made(mailing_list)
    host.run("systemctl start listkit-backup")
    mailing_list.post(author, "Since")
    archived(website.browser(), mailing_list.address, "Since")
    mailing_list.settle()
    board = MailingList(deployment, site, "board")
    neighbour = what_people_made(board)

    refused = restore_list(deployment, release, mailing_list)
    assert refused.returncode != 0 and "is not empty on this site: 1 members" in said(refused)
    mailing_list.rest("DELETE", f"lists/{mailing_list.address}")
    host.run("find /var/lib/mailman3/messages -type f -delete")
    planned = restore_list(deployment, release, mailing_list, "--check", restore_replace=True)
    assert planned.returncode == 0, planned.stdout[-6000:]
    assert "1 members, 0 owners and moderators, 1 held messages" in said(planned)
    assert "replaces what is on this site" in said(planned)
    assert host.try_run(f"listkit members export {mailing_list.address}").returncode

    restored = restore_list(deployment, release, mailing_list, restore_replace=True)
    assert restored.returncode == 0, restored.stdout[-6000:]
    assert what_people_made(mailing_list) == before
    assert what_people_made(board) == neighbour
    thread = archived(website.browser(), mailing_list.address, "Before")
    assert website.browser().get(first(r'href="([^"]*/attachment/[^"]+)"', thread.text)).text == content
    mailing_list.settle()
    assert mailing_list.copies([author], "Before") == mailing_list.copies([author], "Since") == {author: 1}
    # The list works, with its held post and a link in a mail from before.
    mailing_list.answer(newcomer, request)
    stand_in.wait(lambda: newcomer in mailing_list.members(), "the newcomer to be a member")
    mailing_list.moderate(mailing_list.held()[0], "accept")
    mailing_list.arrives(newcomer, "Held")
    mailing_list.add(other)
    mailing_list.post(author, "Afterwards")
    mailing_list.arrives(other, "Afterwards")
    archived(website.browser(), mailing_list.address, "Afterwards")
