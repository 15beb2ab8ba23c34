"""The role `database` configures the cluster that holds the data."""

from __future__ import annotations

import re

import yaml
from ansible_run import KIT

ROLE = KIT / "roles/database"
UPGRADED = """\
15  main    5433 down   postgres /var/lib/postgresql/15/main /var/log/postgresql/postgresql-15-main.log
17  main    5432 online postgres /var/lib/postgresql/17/main /var/log/postgresql/postgresql-17-main.log
"""
NOT_YET = """\
15  main    5432 online postgres /var/lib/postgresql/15/main /var/log/postgresql/postgresql-15-main.log
17  main    5433 down   postgres /var/lib/postgresql/17/main /var/log/postgresql/postgresql-17-main.log
"""
OTHERS = "15  other   5432 online postgres /srv/other /var/log/postgresql/postgresql-15-other.log\n"


CASES = {UPGRADED: "17", NOT_YET: "15", OTHERS: "17", "": "17"}
"""What `pg_lsclusters` prints, on a fresh host nothing, and the version that the role configures."""


def test_the_version_is_that_of_the_cluster_at_the_usual_port(playbooks):
    shown = "<{{ _database_settings }} {{ _database_unit }}>"
    tasks = [
        {"name": "Read the role's variables", "ansible.builtin.include_vars": str(ROLE / "vars/main.yml")},
        *(
            {
                "ansible.builtin.debug": {"msg": shown},
                "vars": {"_database_clusters": {"stdout_lines": text.splitlines()}},
            }
            for text in CASES
        ),
    ]
    run = playbooks.run(tasks, variables={"site_debian": {"postgresql": "17"}})
    assert re.findall(r"<(.+)>", run.output) == [
        f"/etc/postgresql/{version}/main/conf.d/listkit.conf postgresql@{version}-main.service"
        for version in CASES.values()
    ], run.output


def test_the_cluster_is_looked_for_before_its_files_are_written():
    names = [task["name"] for task in yaml.safe_load((ROLE / "tasks/local.yml").read_text())]
    assert names.index("Look for the cluster that holds the data") < names.index("Configure PostgreSQL")
