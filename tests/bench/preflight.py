"""How long `--tags preflight` takes, with all that it looks at: the DNS, the host, the ways out of it, and both logins.

`bench.deploy` has the host, and asks before and after its deployment. The name server is the lab's, which has the
records that a right zone has.
"""

from __future__ import annotations

import json

from deployment import Deployment

MOST_SECONDS = 10


def words(deployment: Deployment) -> tuple[str, ...]:
    """What to add to the playbook's command line."""
    variables = {"mail_dns_check": True, "dns_name_servers": [deployment.stand_in.service.address]}
    return "--tags", "preflight", "-e", json.dumps(variables)
