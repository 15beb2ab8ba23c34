"""A managed PostgreSQL for a deployment: TLS of an authority of its own, databases made by hand, no superuser for us.

usage: python3 -m managed_database LAB     add it to the lab of a deployment, and to its inventory

Standard library only, as `deployment`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from deployment import Deployment
from infomaniak import certificates
from lab import Host

NAME, OTHER_NAME = "db.managed.test", "other.managed.test"
PASSWORD = "managed-database-1"
_SETTINGS = """
listen_addresses = '*'
ssl = on
ssl_cert_file = '/etc/postgresql/server.pem'
ssl_key_file = '/etc/postgresql/server.key'
"""
_DATABASES = f"""
CREATE ROLE list LOGIN PASSWORD '{PASSWORD}';
CREATE ROLE "www-data" LOGIN PASSWORD '{PASSWORD}';
CREATE DATABASE mailman3 OWNER list TEMPLATE template0 ENCODING 'UTF8';
CREATE DATABASE mailman3web OWNER "www-data" TEMPLATE template0 ENCODING 'UTF8';
"""


def up(deployment: Deployment) -> None:
    """Make the service, its names and its authority, and write what the operator adds to the inventory."""
    # Not newer than the host's pg_dump, which makes the backups.
    deployment.lab.add({"postgresql": "kit-bookworm"})
    host = deployment.lab.host("postgresql")
    place = deployment.lab.directory / "postgresql"
    _serve(host, *certificates.make(place, NAME))
    for name in (NAME, OTHER_NAME):
        deployment.stand_in.add_host(name, host.address)
    variables = {"database_host": NAME, "database_password": PASSWORD, "database_ca_file": str(place / "ca.pem")}
    group = deployment.lab.directory / "group_vars" / "all.yml"
    group.parent.mkdir(exist_ok=True)
    group.write_text(json.dumps(variables))


def _serve(host: Host, certificate: str, key: str) -> None:
    host.run("apt-get install -qq -y --no-install-recommends postgresql > /dev/null")
    host.write("/etc/postgresql/server.pem", certificate)
    host.write("/etc/postgresql/server.key", key, mode="0600")
    [version] = host.run("ls /etc/postgresql | grep -x '[0-9]*'").split()
    place = Path("/etc/postgresql", version, "main")
    host.write(str(place / "conf.d" / "tls.conf"), _SETTINGS)
    host.write(str(place / "pg_hba.conf"), "local all all peer\nhostssl all all all scram-sha-256\n")
    host.run(f"chown -R postgres: /etc/postgresql && systemctl restart postgresql@{version}-main")
    host.run("cd / && runuser -u postgres -- psql -v ON_ERROR_STOP=1 -q", stdin=_DATABASES)


if __name__ == "__main__":
    up(Deployment.load(sys.argv[1]))
