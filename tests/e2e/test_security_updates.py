"""The daily updates: services that use a replaced library restart, and a reboot that is due waits for its window."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from deployment import Deployment
from e2e.mailing import MailingList, person
from lab import Host

pytestmark = [pytest.mark.lab, pytest.mark.slow]

UPDATES = "apt-daily-upgrade.service"
SERVICES = ("nginx.service", "mailman3-web.service")
"""Services that use the library."""
# As dpkg does: the new file takes the name of the old one, which stays in the memory of those who use it.
REPLACE = (
    "library=$(readlink -f $(ldconfig -p | sed -n 's/.*libssl.so.3 .*=> //p'))"
    " && cp -a $library $library.new && mv $library.new $library"
)
TEST_UNIT = f"/run/systemd/system/{UPDATES}.d/zz-test.conf"
# The lab keeps its hosts from updating themselves in the middle of a test.
UNCONDITIONAL = "[Unit]\nConditionPathExists=\n"
TEST_SETTINGS = "/etc/apt/apt.conf.d/99test"
CLEAN = (
    f"rm -f {TEST_UNIT} {TEST_SETTINGS} /run/reboot-required; systemctl daemon-reload; shutdown -c;"
    " listkit restart; listkit check --wait 120 > /dev/null || [ $? -eq 1 ]"
)


@pytest.fixture
def host(deployment: Deployment, release: str) -> Iterator[Host]:
    """A host that updates itself when its timer elapses."""
    host = deployment.sites[release].host
    host.run(f"install -D -m 0644 /dev/stdin {TEST_UNIT} && systemctl daemon-reload", stdin=UNCONDITIONAL)
    yield host
    host.run(CLEAN)


def outdated(host: Host) -> str:
    """The finding of `listkit check` about services that use replaced files."""
    findings = json.loads(host.try_run("listkit check --only base --json").stdout)
    [seen] = [finding["seen"] for finding in findings if finding["name"] == "restarts"]
    return seen


def started(host: Host) -> list[str]:
    """When each of the services started."""
    return [host.run(f"systemctl show -P ActiveEnterTimestampMonotonic {unit}") for unit in SERVICES]


@pytest.mark.every_release
def test_the_daily_updates_restart_what_uses_a_replaced_library_and_plan_a_due_reboot(
    mailing_list: MailingList, host: Host
):
    host.run(REPLACE)
    before, seen = started(host), outdated(host)
    assert all(unit in seen for unit in SERVICES), seen
    hour = host.run("date -d '12 hours' +%H:%M").strip()
    settings = f'Unattended-Upgrade::Automatic-Reboot "true"; Unattended-Upgrade::Automatic-Reboot-Time "{hour}";'
    host.run(f"cat > {TEST_SETTINGS} && touch /run/reboot-required", stdin=settings)

    host.run(f"rm -f /var/lib/apt/periodic/upgrade-stamp && systemctl start {UPDATES}")
    assert not any(unit in outdated(host) for unit in SERVICES)
    assert all(then != now for then, now in zip(before, started(host), strict=True))
    assert "MODE=reboot" in host.run("cat /run/systemd/shutdown/scheduled")

    author, reader = person("author"), person("reader")
    mailing_list.add(author, reader)
    mailing_list.post(author, "After the updates")
    mailing_list.arrives(reader, "After the updates")
