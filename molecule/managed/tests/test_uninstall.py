"""The kit is uninstalled. The last test of the scenario: afterwards there is nothing to look at but what stays."""

from __future__ import annotations

from deployment import Deployment
from e2e import playbook
from lab import Host

PLAYBOOK = "playbooks/uninstall.yml"
# Files of the kit, by name or content, and the states of its units.
TRACES = (
    "{ find /etc /usr/local -iname '*listkit*'; grep -rlI listkit /etc /usr/local; } || true"  # fails if there are none
)
STATES = (
    "systemctl is-active mailman3 mailman3-web postfix listkit-bridge listkit-certificate.timer || true"  # if none is
)
KEPT = ("/var/lib/mailman3", "/var/lib/listkit", "/var/lib/listkit-bridge")


def uninstall(deployment: Deployment, *words: str) -> str:
    """Uninstall, packages included; return what Ansible said."""
    run = playbook.run(deployment, "managed", PLAYBOOK, *words, uninstall_packages=True)
    assert run.returncode == 0, run.stdout[-4000:]
    return run.stdout


def test_outgoing_mail_stops_the_run_before_anything_changes(deployment: Deployment, node: Host):
    file = "/var/spool/postfix/hold/0123456789"
    node.run(f"systemctl stop listkit-budget; install -o postfix /dev/null {file}")
    try:
        run = playbook.run(deployment, "managed", PLAYBOOK)
    finally:
        node.run(f"rm {file}; systemctl start listkit-budget")
    assert run.returncode != 0
    assert "1 messages wait in Postfix's queue on managed" in run.stdout
    assert "changed=0" in run.stdout


def test_check_mode_shows_what_would_go_and_removes_nothing(deployment: Deployment, node: Host):
    assert "/etc/mailman3/mailman.cfg: removed" in uninstall(deployment, "--check", "--diff")
    assert node.run(STATES).split() == ["active"] * 5
    assert node.run(TRACES)


def test_the_kit_goes_and_the_data_stays(deployment: Deployment, node: Host):
    said = uninstall(deployment)
    assert "dropdb mailman3" in said
    assert node.run(TRACES) == ""
    assert "active" not in node.run(STATES).split()
    assert (
        node.run("dpkg-query -W -f '${db:Status-Status} ' mailman3 mailman3-web postfix").split()
        == ["config-files"] * 3
    )
    node.run("test -e " + " -a -e ".join(KEPT))
    databases = deployment.lab.host("postgresql").run(
        "cd / && runuser -u postgres -- psql -Atqc 'SELECT datname FROM pg_database'"
    )
    assert {"mailman3", "mailman3web"} <= set(databases.split())
    assert "changed=0" in uninstall(deployment)
