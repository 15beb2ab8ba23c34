"""What a deployed host must be, whatever was asked of it before."""

import json
import re

from deployment import Deployment, Site, secrets_on
from e2e import playbook
from lab import Host

PORTS = {"core": set(), "web": {80, 443}, "database": set()}
LINK_PORTS = {"core": {20025, 28001}, "web": {28000}, "database": {25432}}
TIMERS = {
    "core": ["listkit-notify", "listkit-digests"],
    "web": [
        "listkit-web-job@hourly",
        "listkit-web-job@daily",
        "listkit-web-job@monthly",
        "listkit-web-job@yearly",
        "listkit-certificate",
    ],
    "database": [],
}
SEARCHED = "/etc /home /opt /root /run /srv /tmp /usr/local /var --exclude-dir=journal"


def test_nothing_has_failed(machine):
    failed = machine.check_output("systemctl list-units --failed --plain --no-legend")
    # A container shares the machine's kernel: it can't load modules, and needn't.
    assert [line for line in failed.splitlines() if "systemd-modules-load" not in line] == []


def test_the_kits_own_check_is_content(machine):
    findings = json.loads(machine.check_output("/usr/local/bin/listkit check --json"))
    assert [finding for finding in findings if finding["status"] != "ok"] == []
    assert len(findings) > 2


def test_only_ssh_the_web_and_the_links_listen_to_the_outside(machine, site: Site, components: list[str]):
    sockets = machine.check_output("ss -Htuln").splitlines()
    addresses = (line.split()[4].rpartition(":") for line in sockets)
    outside = {int(port) for address, _, port in addresses if not address.startswith(("127.", "[::1]"))}
    links = set().union(*(LINK_PORTS[component] for component in components)) if site.split else set()
    assert outside == {22}.union(links, *(PORTS[component] for component in components))


def test_nothing_came_that_is_only_recommended(machine):
    installed = machine.check_output("dpkg-query -W -f '${Package}\\n'").split()
    # What Debian's mailman3-web, postgresql and uwsgi recommend at the end of long chains.
    assert {"gcc", "graphviz", "python3-matplotlib", "python3-scipy"}.isdisjoint(installed)


def files_with(node: Host, secrets: list[str], search: str) -> list[str]:
    """Files that hold one of the secrets; these travel by standard input, since sudo logs every command line."""
    return node.try_run(f"{search} -rlsF -f -", stdin="\n".join(secrets) + "\n").stdout.splitlines()


def test_no_secret_is_in_a_file_that_others_can_read(node: Host, machine):
    assert files_with(node, secrets_on(node), f"runuser -u nobody -- grep {SEARCHED}") == []
    # The search can find: root does.
    assert files_with(node, secrets_on(node), "grep /etc/listkit") != []


def test_no_secret_is_in_the_process_list_or_in_an_environment(node: Host, machine):
    seen = machine.check_output("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'")
    for secret in secrets_on(node):
        assert secret not in seen


def test_no_secret_is_in_the_journal_or_in_a_log(node: Host, machine):
    journal = machine.check_output("journalctl --no-pager -q -o cat")
    for secret in secrets_on(node):
        assert secret not in journal
    assert files_with(node, secrets_on(node), "grep /var/log --exclude-dir=journal") == []


def test_no_mail_from_cron(machine):
    assert not machine.file("/etc/cron.d/mailman3").exists
    assert not machine.file("/etc/cron.d/mailman3-web").exists


def test_the_periodic_jobs_are_scheduled(machine, components: list[str]):
    for timer in (timer for component in components for timer in TIMERS[component]):
        unit = machine.service(f"{timer}.timer")
        assert unit.is_enabled, timer
        assert unit.is_running, timer


def test_check_mode_on_a_deployed_host_reports_no_change_and_no_secret(node: Host, site: Site, deployment: Deployment):
    output = playbook.deploy(deployment, site.host.name, "--limit", node.name, "--check", "--diff", "-vvv")
    assert re.search(rf"^{node.name}\s.*changed=0\s", output, re.MULTILINE), output[-3000:]
    for secret in secrets_on(node):
        assert secret not in output
