#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Which records a DNS zone has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dns_record_info
short_description: Read the DNS records of a zone at Infomaniak
version_added: 0.1.0
description:
  - Returns the records of a zone.
extends_documentation_fragment:
  - listkit.infomaniak.api
  - listkit.infomaniak.zone
attributes:
  diff_mode:
    support: none
    description: Changes nothing.
seealso:
  - module: listkit.infomaniak.dns_record
"""

EXAMPLES = r"""
- name: Read the records
  listkit.infomaniak.dns_record_info:
    zone: example.org
  delegate_to: localhost
  register: zone
"""

RETURN = r"""
records:
  description: The records.
  type: list
  elements: dict
  returned: success
  contains:
    source:
      description: Name within the zone; V(.) is the zone itself.
      type: str
    type:
      description: Type of the record.
      type: str
    target:
      description: Where it points; texts without quotes.
      type: str
    ttl:
      description: Seconds that others may keep it.
      type: int
requests:
  description: Number of requests that were sent.
  type: int
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.infomaniak.plugins.module_utils import api_module, records


def find(module, client):
    """Return the records."""
    return {"records": records.as_results(records.find(client, api_module.zone(module.params)))}


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={**api_module.ARGUMENTS, **api_module.ZONE_ARGUMENTS},
        supports_check_mode=True,
    )
    api_module.read(module, find)


if __name__ == "__main__":
    main()
