#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Set the passwords of PostgreSQL's users to secrets of this host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: database_passwords
short_description: Set the passwords of PostgreSQL's users to secrets of the host
version_added: 0.1.0
description:
  - Compares each user's SCRAM verifier with the secret, and replaces it if it doesn't match. PostgreSQL only gets the
    verifier, so that no statement and no log contains the password.
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: On a host without PostgreSQL, assumes that every password will be set.
  diff_mode:
    support: none
    description: Secrets are never shown.
options:
  passwords:
    description: The name of the secret for each user.
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
  description: The users whose password was set.
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

# As the system user whom PostgreSQL accepts without a password.
PSQL = ["runuser", "--user=postgres", "--", "psql", "--dbname=postgres", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "-qAt"]
# PostgreSQL's own `scram_iterations` and length of the salt.
ITERATIONS = 4096
SALT_BYTES = 16


def verifier(password, salt, iterations=ITERATIONS):
    """Return the verifier that PostgreSQL stores for `password` (RFC 5803), which must be ASCII."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt, stored, server = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${iterations}:{salt}${stored}:{server}"


def fits(password, known):
    """Return whether `known`, a verifier in PostgreSQL, matches `password`."""
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
        """Return each user's verifier; none if PostgreSQL isn't installed yet."""
        if self._module.check_mode and not shutil.which("psql"):
            return {}
        lines = self._run("SELECT rolname || ' ' || coalesce(rolpassword, '') FROM pg_authid").splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def store(self, verifiers):
        """Set each user's verifier."""
        self._run("".join(f"ALTER ROLE {_quoted(user)} PASSWORD '{text}';\n" for user, text in verifiers.items()))

    def _run(self, statements):
        rc, out, err = self._module.run_command(PSQL, data=statements)
        if rc:
            self._module.fail_json(msg=f"psql: {err.strip()}")
        return out


def converge(module, database):
    """Set the passwords that don't match; return the module's result."""
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
        # The names of secrets, not their values.
        argument_spec={"passwords": {"type": "dict", "required": True, "no_log": False}},
        supports_check_mode=True,
    )
    module.exit_json(**converge(module, Database(module)))


if __name__ == "__main__":
    main()
