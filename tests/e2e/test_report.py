"""The record of a day and the monthly mail, from the deployed unit in its sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from deployment import SITE_OWNER, Deployment, Site
from e2e.mailing import MailingList

pytestmark = pytest.mark.lab

RECORDS = "/var/lib/listkit/report"
SETTINGS = "/etc/listkit/report.json"
SAVED = "/var/cache/report.json"
LOG = "/var/log/mailman3/mailman.log.9"
ELSEWHERE = {"archived": ["the archive is on another host"]}


@pytest.fixture
def site(deployment: Deployment, release: str) -> Iterator[Site]:
    """A site without records, and without those of the test afterwards."""
    site = deployment.sites[release]
    site.host.run(f"rm -rf {RECORDS}/*; cp -a {SETTINGS} {SAVED}")
    try:
        yield site
    finally:
        site.host.run(f"mv {SAVED} {SETTINGS}; rm -rf {RECORDS}/* {LOG}; systemctl reset-failed 'listkit-report.*'")


@pytest.mark.split
def test_a_day_is_recorded_and_the_month_is_mailed(site: Site, deployment: Deployment, mailing_list: MailingList):
    host = site.host
    yesterday = date.fromisoformat(host.run("date -I").strip()) - timedelta(days=1)
    mailing_list.add("a@example.com", "b@example.com")
    # The host may be of today.
    text = f"HOLD: {mailing_list.address} post from c@example.com held, message-id=<1@example.com>: A test"
    host.run(f"cat > {LOG}; chown list: {LOG}", stdin=f"{yesterday:%b %d} 12:00:00 {yesterday.year} (1) {text}\n")
    host.run("systemctl start listkit-report")
    month = f"{yesterday:%Y-%m}"
    found = json.loads(host.run(f"listkit report --json --month {month}"))
    assert found["unknown"] == (ELSEWHERE if site.split else {})
    [row] = [row for row in found["lists"] if row["address"] == mailing_list.address]
    assert (row["members"]["value"], row["held"]["value"], row["bounces"]["value"]) == (2, 1, 0)
    assert found["disks"][0]["total"] > found["disks"][0]["used"] > 0
    assert mailing_list.address in host.run(f"listkit report --month {month}")

    # The month is not over, perhaps: let the record be of the one before.
    last = yesterday.replace(day=1) - timedelta(days=1) if month == host.run("date +%Y-%m").strip() else yesterday
    host.run(
        f"sed 's/{yesterday}/{last}/' {RECORDS}/{month}.jsonl > {RECORDS}/{last:%Y-%m}.jsonl.new"
        f" && mv {RECORDS}/{last:%Y-%m}.jsonl.new {RECORDS}/{last:%Y-%m}.jsonl"
    )
    host.run(f'sed -i \'s/"mail": false/"mail": true/\' {SETTINGS}')
    subject = f"Report of {site.fqdn} for {last:%Y-%m}"

    def mailed() -> list[str]:
        subjects = [copy["Subject"] for copy in deployment.stand_in.received(SITE_OWNER)]
        return [one for one in subjects if one == subject]

    before = len(mailed())
    host.run("systemctl start listkit-report")
    deployment.stand_in.wait(lambda: len(mailed()) > before, "the report in the owner's mailbox")
    host.run("systemctl start listkit-report")
    mailing_list.settle()
    assert len(mailed()) == before + 1
    assert host.try_run("listkit check --only report").returncode == 0
