"""The status page of a site with several hosts: the host of the web interface asks the host of Mailman."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deployment import Deployment, Site
from e2e import playbook, watching
from e2e.website import WebSite

pytestmark = [pytest.mark.lab, pytest.mark.split]

RUN = "listkit alert run --confirm 0"
REPORT = "/var/lib/listkit/status/report.json"


@pytest.fixture
def site(deployment: Deployment, release: str) -> Iterator[Site]:
    """A site of several hosts with a status page, whose checks run only on request."""
    site = deployment.sites[release]
    if not site.split:
        pytest.skip("test_status.py has the sites of one host")
    try:
        playbook.deploy(deployment, release, "--tags", "alert", status_page=True)
        for host in site.hosts:
            watching.pause(host)
        yield site
    finally:
        for host in site.hosts:
            watching.stop(host)
            watching.remove(host)


def test_the_page_shows_what_both_hosts_found(site: Site):
    website = WebSite.of(site)
    guest, superuser = website.browser(), website.superuser()

    def pages() -> tuple[str, str]:
        """Return the page for everyone and that for administrators."""
        texts = []
        for browser, path in ((guest, "/status/"), (superuser, "/mailman3/status/")):
            page = browser.get(path, **{"Accept-Language": "en"})
            assert page.status == 200
            texts.append(page.text)
        return texts[0], texts[1]

    site.host.run(f"touch /run/reboot-required; {RUN}; rm /run/reboot-required")
    site.web.run(RUN)
    public, details = pages()
    assert "Everything works" in public and "reboot" not in public
    assert [f"<h2>{host.name}</h2>" in details for host in (site.host, site.web)] == [True, True]
    assert "required since" in details and "mailman3.service" in details and "mailman3-web.service" in details
    assert guest.get("/mailman3/status/").url.startswith(guest.url("/mailman3/accounts/login/"))

    # The checks of Mailman's host no longer run.
    site.host.run(f'sed -i \'s/"time": [0-9.]*/"time": 1/\' {REPORT}')
    site.web.run(RUN)
    public, details = pages()
    assert "Not everything can be checked" in public
    assert f"The findings of {site.host.name} are old: its checks last ran" in details
