#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Give PostgreSQL's users the passwords that are kept on this host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: database_passwords
short_description: Give PostgreSQL's users passwords that are kept as the host's secrets
version_added: 0.1.0
description:
  - Compares each user's SCRAM verifier with the secret, and replaces it when it is another's. PostgreSQL gets the
    verifier only, so that no statement, and no log of one, holds the password.
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: On a host without PostgreSQL every password counts as one that will be set.
  diff_mode:
    support: none
    description: Secrets are never shown.
options:
  passwords:
    description: The name of the secret of each user.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Let Mailman core log in from its own host
  listkit.host.database_passwords:
    passwords: {list: database_core_password}
"""

RETURN = r"""
users:
  description: The users who got a password.
  type: list
  elements: str
  returned: always
"""

import base64
import hashlib
import hmac
import secrets
import shutil

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.host.plugins.module_utils import host_secrets

# As the user whom PostgreSQL knows without a password.
PSQL = ["runuser", "--user=postgres", "--", "psql", "--dbname=postgres", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "-qAt"]
# PostgreSQL's own `scram_iterations` and length of the salt.
ITERATIONS = 4096
SALT_BYTES = 16


def verifier(password, salt, iterations=ITERATIONS):
    """Return what PostgreSQL stores of `password` (RFC 5803); the password must be ASCII."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt, stored, server = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${iterations}:{salt}${stored}:{server}"


def fits(password, known):
    """Return whether `known`, what PostgreSQL stores, is that of `password`."""
    try:
        method, parameters, _keys = known.split("$")
        iterations, _, salt = parameters.partition(":")
        return method == "SCRAM-SHA-256" and hmac.compare_digest(
            known, verifier(password, base64.b64decode(salt), int(iterations))
        )
    except ValueError:
        return False


def _quoted(name):
    return '"' + name.replace('"', '""') + '"'


class Database:
    """PostgreSQL on this host."""

    def __init__(self, module):
        self._module = module

    def stored(self):
        """Return what PostgreSQL stores of each user's password; nothing where there is no PostgreSQL yet."""
        if self._module.check_mode and not shutil.which("psql"):
            return {}
        lines = self._run("SELECT rolname || ' ' || coalesce(rolpassword, '') FROM pg_authid").splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def store(self, verifiers):
        """Give each user what PostgreSQL is to store."""
        self._run("".join(f"ALTER ROLE {_quoted(user)} PASSWORD '{text}';\n" for user, text in verifiers.items()))

    def _run(self, statements):
        rc, out, err = self._module.run_command(PSQL, data=statements)
        if rc:
            self._module.fail_json(msg=f"psql: {err.strip()}")
        return out


def converge(module, database):
    """Set the passwords that differ; return the module's result."""
    wanted = {}
    for user, name in module.params["passwords"].items():
        password = host_secrets.read(name)
        if password is None and not module.check_mode:
            module.fail_json(msg=f"there is no secret {name} on this host for the user {user}")
        wanted[user] = password or host_secrets.PLACEHOLDER
    stored = database.stored()
    stale = {user: password for user, password in wanted.items() if not fits(password, stored.get(user, ""))}
    if stale and not module.check_mode:
        database.store({user: verifier(password, secrets.token_bytes(SALT_BYTES)) for user, password in stale.items()})
    return {"changed": bool(stale), "users": list(stale)}


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        # The dictionary holds names, no values.
        argument_spec={"passwords": {"type": "dict", "required": True, "no_log": False}},
        supports_check_mode=True,
    )
    module.exit_json(**converge(module, Database(module)))


if __name__ == "__main__":
    main()
