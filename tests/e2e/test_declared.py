"""What is declared beside lists: syncs of members, owners of a domain, administrators of the web interface."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from deployment import LISTS, Deployment
from e2e import playbook, rest
from e2e.mailing import person
from e2e.website import WebSite, mailed_link, submit

pytestmark = [pytest.mark.lab, pytest.mark.one_release, pytest.mark.same_site]
FILE = "/srv/crew.csv"
CREW = {
    "name": "crew",
    "members_from": {"command": ["/usr/bin/cat", FILE], "every": "weekly"},
    "members_state": "exact",
}
SYNC = "listkit-members@weekly"


@pytest.fixture
def usual(deployment: Deployment, website: WebSite, release: str) -> Iterator[None]:
    """Afterwards, the host is as it was."""
    yield
    site = deployment.sites[release]
    manage = "cd / && env HOME=/ runuser -u www-data -- python3 /usr/share/mailman3-web/manage.py shell -c"
    delete = "from django.contrib.auth.models import User; User.objects.filter(username='ben').delete()"
    site.web.run(f'{manage} "{delete}"')
    gone = {"name": CREW["name"], "state": "absent", "force": True}
    domains = [{"name": site.domain, "owners": []}]
    playbook.deploy(deployment, release, "--tags", "lists,web", mailman_lists=[*LISTS, gone], mailman_domains=domains)
    site.host.run(f"rm -f {FILE}")


def test_a_timer_brings_members_and_a_colleague_administers(
    deployment: Deployment, website: WebSite, release: str, usual: None
):
    site, ben, ana, eva = deployment.sites[release], person("ben"), person("ana"), person("eva")
    host, export = site.host, f"listkit members export crew@{site.domain} | tail -n +2 | cut -d, -f1 | sort"
    admins = [{"user": "ben", "address": ben}]
    host.run(f"printf '%s\\n' {ana} {eva} > {FILE}")
    declared = {"mailman_lists": [*LISTS, CREW], "mailman_domains": [{"name": site.domain, "owners": [ana, ben]}]}
    playbook.deploy(deployment, release, "--tags", "lists,web", mailman_admins=admins, **declared)

    owners = rest.call(site, "GET", f"domains/{site.domain}/owners")["entries"]
    assert len(owners) == 2
    again = playbook.deploy(deployment, release, "--tags", "lists", "--check", **declared)
    assert "Make the declared lists exist" in again and not re.search(r"changed=[1-9]", again), again

    host.run(f"systemctl start {SYNC}")
    assert host.run(export).split() == sorted([ana, eva])
    assert host.run(f"systemctl is-enabled {SYNC}.timer").strip() == "enabled"
    host.run(f"echo not-an-address >> {FILE}")
    assert host.try_run(f"systemctl start {SYNC}").returncode != 0
    checked = host.try_run("listkit check --only lists")
    assert checked.returncode == 2 and "line 3: 'not-an-address' is not a full" in checked.stdout, checked.stdout
    assert host.run(export).split() == sorted([ana, eva])

    browser = website.browser()
    link = mailed_link(deployment, website, ben, "accounts/password/reset/key/")
    page = browser.get(link.removeprefix(browser.url("")))
    submit(browser, page, password1="a-long-password-of-ben", password2="a-long-password-of-ben")
    assert "/mailman3/postorius/domains/" in browser.get("/mailman3/postorius/lists/").text

    gone = {"name": "crew", "state": "absent"}
    refused = playbook.run(deployment, release, "playbook.yml", "--tags", "lists", mailman_lists=[*LISTS, gone])
    assert refused.returncode != 0
    assert "state: absent would remove 2 members and 0 held messages" in " ".join(refused.stdout.split())
    said = playbook.deploy(
        deployment, release, "--tags", "lists,web", mailman_lists=[*LISTS, {**gone, "force": True}], mailman_admins=[]
    )
    assert "ben isn't in mailman_admins any more, and is still an administrator" in " ".join(said.split())
    # Its last run has failed, and there won't be another.
    assert host.try_run(f"systemctl is-failed {SYNC}.service").stdout.strip() == "inactive"
    assert host.try_run(f"systemctl is-enabled {SYNC}.timer").stdout.strip() == "disabled"
