"""A host whose databases are at a managed PostgreSQL."""

from __future__ import annotations

from deployment import Deployment
from e2e import playbook
from lab import Host
from managed_database import OTHER_NAME, PASSWORD

AS_SUPERUSER = "cd / && runuser -u postgres -- psql -qAt"
MAY_CREATE = 'ALTER ROLE list CREATEDB; ALTER ROLE "www-data" CREATEDB;'
CLIENTS = "SELECT DISTINCT usename, ssl FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE usename <> 'postgres'"


def test_the_kits_own_check_is_content(node):
    node.run("listkit check")


def test_there_is_no_postgresql_on_the_host(machine):
    installed = machine.check_output("dpkg-query -W -f '${Package} ${db:Status-Status}\\n'").splitlines()
    assert "postgresql installed" not in installed


def test_mailman_and_the_web_interface_use_the_service_through_tls(deployment: Deployment):
    database = deployment.lab.host("postgresql")
    clients = database.run(AS_SUPERUSER, stdin=CLIENTS).split()
    assert sorted(clients) == ["list|t", "www-data|t"]


def test_the_databases_are_backed_up_and_the_backup_is_proven_where_the_service_allows_it(
    deployment: Deployment, node: Host
):
    database = deployment.lab.host("postgresql")
    node.run("systemctl start listkit-backup && listkit backup verify --all")
    refused = node.try_run("listkit backup drill")
    assert refused.returncode == 1 and "docs/runbooks/backup.md#the-drill-with-a-managed-postgresql" in refused.stderr
    try:
        database.run(AS_SUPERUSER, stdin=MAY_CREATE)
        assert "can be restored" in node.run("listkit backup drill")
    finally:
        database.run(AS_SUPERUSER, stdin=MAY_CREATE.replace("CREATEDB", "NOCREATEDB"))


def test_nobody_else_reads_the_databases_password(node: Host, machine):
    search = "grep -rlsF -f - /etc /home /opt /run /srv /tmp /usr/local /var --exclude-dir=journal"
    assert not node.try_run(f"runuser -u nobody -- {search}", stdin=f"{PASSWORD}\n").stdout
    # The search can find: root does.
    assert "/etc/mailman3/mailman.cfg" in node.try_run(search, stdin=f"{PASSWORD}\n").stdout
    assert PASSWORD not in machine.check_output("journalctl --no-pager -q -o cat")
    assert PASSWORD not in machine.check_output(
        "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'"
    )


def test_a_service_with_another_name_on_its_certificate_is_refused_before_anything_changes(deployment: Deployment):
    run = playbook.run(deployment, "managed", "playbook.yml", database_host=OTHER_NAME)
    assert run.returncode != 0
    assert f"database_host={OTHER_NAME}" in run.stdout
    [recap] = [line for line in run.stdout.splitlines() if "managed" in line and "unreachable=" in line]
    assert "changed=0" in recap
