#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Check the public DNS for a list server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_dns_info
short_description: Check the DNS of domains that send and receive mail at Infomaniak
version_added: 0.1.0
description:
  - Looks at the addresses of host names, and at MX, SPF and DMARC of domains. Returns the problems with their fixes.
  - SPF is merged into the record that a domain has. Its DNS lookups are counted as receivers count them.
  - Asks the public DNS. Needs no API token, and works for domains with any DNS provider.
options:
  domains:
    description: Domains of the mail addresses.
    type: list
    elements: str
    required: true
  hosts:
    description: Host names that must have the addresses.
    type: list
    elements: str
    default: []
  addresses:
    description:
      - Addresses that the host names must have. Those in the DNS are compared only in the families given here.
      - Without any, a host name must have some address.
    type: list
    elements: str
    default: []
  reports:
    description: Address for DMARC reports, in a record that is missing.
    type: str
    required: true
  name_servers:
    description: Addresses of recursive name servers, each possibly with C(:) and a port; those of the system if empty.
    type: list
    elements: str
    default: []
  zone:
    description: Zone that the records in O(zone_records) are of.
    type: str
  zone_records:
    description:
      - Records of O(zone), as M(listkit.infomaniak.dns_record_info) returns them.
      - They hold for names in the zone, because the public DNS learns of a change later. If it hasn't yet, that is
        reported.
    type: list
    elements: dict
seealso:
  - module: listkit.infomaniak.dns_record
  - module: listkit.infomaniak.dns_record_info
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: none
    description: Changes nothing.
"""

EXAMPLES = r"""
- name: Check the DNS
  listkit.infomaniak.mail_dns_info:
    domains: [example.org]
    hosts: [lists.example.org]
    addresses: [192.0.2.1, "2001:db8::1"]
    reports: admin@example.org
  delegate_to: localhost
  register: found

- name: Add and change the records
  listkit.infomaniak.dns_record:
    zone: example.org
    records: "{{ found.records }}"
  delegate_to: localhost
"""

RETURN = r"""
problems:
  description: What is wrong.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: The name that has the problem.
      type: str
    subject:
      description: One of C(address), C(MX), C(SPF), C(DMARC), and C(DNS) when no answer came.
      type: str
    problem:
      description: What is wrong.
      type: str
    fix:
      description: What to do.
      type: str
    records:
      description: The records that are part of the fix.
      type: list
      elements: dict
records:
  description: Records to add or change, as options of M(listkit.infomaniak.dns_record).
  type: list
  elements: dict
  returned: success
lines:
  description: The same records as a zone file has them.
  type: list
  elements: str
  returned: success
"""

import ipaddress

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.infomaniak.plugins.module_utils import mail_dns
from ansible_collections.listkit.infomaniak.plugins.module_utils.names import address
from ansible_collections.listkit.infomaniak.plugins.module_utils.records import APEX
from ansible_collections.listkit.infomaniak.plugins.module_utils.resolver import (
    DnsError,
    Resolver,
    ZoneFirst,
    server,
)


def find(params):
    """Return the findings; raise ValueError for a wrong option."""
    for text in params["addresses"]:
        _ip_address("addresses", text)
    try:
        servers = [server(text) for text in params["name_servers"]]
        resolver = Resolver(servers) if servers else Resolver.of_system()
    except (DnsError, ValueError) as error:
        raise ValueError(f"name_servers: {error}") from error
    reports = address("reports", params["reports"])
    if params["zone"]:
        zone = params["zone"].lower().rstrip(".")
        resolver = ZoneFirst(resolver, zone, _by_name(zone, params["zone_records"] or []))
    return mail_dns.check(resolver, params["domains"], params["hosts"], params["addresses"], reports)


def _by_name(zone, records):
    """Return the targets of a zone's records by full name and type."""
    found: dict[tuple[str, str], list[str]] = {}
    for record in records:
        name = zone if record["source"] == APEX else f"{record['source']}.{zone}"
        found.setdefault((name, record["type"]), []).append(record["target"])
    return found


def _ip_address(option, text):
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(f"{option}: {text!r} isn't an IP address, such as 192.0.2.1") from None


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            "domains": {"type": "list", "elements": "str", "required": True},
            "hosts": {"type": "list", "elements": "str", "default": []},
            "addresses": {"type": "list", "elements": "str", "default": []},
            "reports": {"type": "str", "required": True},
            "name_servers": {"type": "list", "elements": "str", "default": []},
            "zone": {"type": "str"},
            "zone_records": {"type": "list", "elements": "dict"},
        },
        required_by={"zone_records": ["zone"]},
        supports_check_mode=True,
    )
    try:
        findings = find(module.params)
    except ValueError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **mail_dns.summary(findings))


if __name__ == "__main__":
    main()
