#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Find out what isn't documented about the mail service."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_probe
short_description: Find out how Infomaniak's mail service treats a list server's mail
version_added: 0.1.0
description:
  - Sends six or seven messages from a mailbox to itself, waits for them, reads them, and deletes them.
  - Finds out which senders are accepted, which header carries the alias, what a signature covers, and more.
  - Logs in once by SMTP and once by IMAP, because the service bans addresses that insist with a wrong password.
  - Another program that reads the mailbox must be stopped meanwhile.
extends_documentation_fragment: [listkit.infomaniak.login]
options:
  alias:
    description: Address of an alias of the mailbox.
    type: str
    required: true
  redirection:
    description: A redirection address that forwards to the mailbox, if there is one.
    type: str
  wait:
    description: Seconds to wait for the messages.
    type: int
    default: 120
  name_servers:
    description: Addresses of recursive name servers, for the DKIM key; those of the system if empty.
    type: list
    elements: str
    default: []
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: Nothing is sent, and nothing returned.
  diff_mode:
    support: none
    description: Changes nothing that stays.
"""

EXAMPLES = r"""
- name: Probe the mail service
  listkit.infomaniak.mail_probe:
    address: mailman@example.org
    password: "{{ mail_password }}"
    alias: postorius@example.org
  register: probe
"""

RETURN = r"""
facts:
  description: What was found out, with nothing private in it.
  type: dict
  returned: success, except in check mode
  contains:
    states:
      description: For each message whether it V(arrived), was V(lost), or was V(refused).
      type: dict
    verp:
      description: Whether senders with a tag are accepted, and mail to them arrives.
      type: bool
report:
  description: The same as text that can be published.
  type: str
  returned: success, except in check mode
"""

import secrets

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.infomaniak.plugins.module_utils import probe
from ansible_collections.listkit.infomaniak.plugins.module_utils.mail_login import OPTIONS, Account, MailError
from ansible_collections.listkit.infomaniak.plugins.module_utils.names import address
from ansible_collections.listkit.infomaniak.plugins.module_utils.resolver import PORT, DnsError, Resolver


def run_probe(params):
    """Return the facts; raise ValueError for a wrong option, MailError when the service can't be used."""
    alias = address("alias", params["alias"])
    redirection = address("redirection", params["redirection"]) if params["redirection"] else None
    account = Account(
        address("address", params["address"]),
        params["password"],
        params["host"],
        smtp_port=params["port"],
        authority=params["authority"],
    )
    try:
        servers = [(server, PORT) for server in params["name_servers"]]
        resolver = Resolver(servers) if servers else Resolver.of_system()
    except DnsError as error:
        raise ValueError(f"name_servers: {error}") from error
    token = secrets.token_hex(4)
    found = probe.run(account, probe.trials(account.address, alias, token, redirection), token, params["wait"])
    return probe.facts(found, alias, redirection, resolver)


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            **OPTIONS,
            "alias": {"type": "str", "required": True},
            "redirection": {"type": "str"},
            "wait": {"type": "int", "default": 120},
            "name_servers": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        module.exit_json(changed=False)
    try:
        facts = run_probe(module.params)
    except (MailError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, facts=facts, report=probe.report(facts))


if __name__ == "__main__":
    main()
