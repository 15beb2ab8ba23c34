#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""DNS records of a zone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dns_record
short_description: Manage DNS records in a zone at Infomaniak
version_added: 0.1.0
description:
  - Adds, changes or removes records of a zone, all in one call.
  - Records that aren't named stay, unless O(exclusive) is set.
  - Records are compared as DNS compares them, so that quotes, capitals and a dot at the end of a name don't count.
extends_documentation_fragment:
  - listkit.infomaniak.api
  - listkit.infomaniak.zone
options:
  records:
    description: The records.
    type: list
    elements: dict
    required: true
    suboptions:
      source:
        description: Name within the zone, or the full name; V(.) or V(@) is the zone itself.
        type: str
        default: .
      type:
        description: Type of the record.
        type: str
        choices: [A, AAAA, CAA, CNAME, DNAME, DS, MX, NS, SMIMEA, SRV, SSHFP, TLSA, TXT]
        required: true
      target:
        description: Where the record points; a text without quotes; for C(MX) the priority and the host name.
        type: str
        required: true
      ttl:
        description: Seconds that others may keep the record, 60 to 86400.
        type: int
        default: 3600
      replaces:
        description: Targets of records of the same name and type that this one replaces, such as an earlier SPF record.
        type: list
        elements: str
        default: []
  state:
    description: V(absent) removes the records.
    type: str
    choices: [present, absent]
    default: present
  exclusive:
    description:
      - With O(state=present), the records are the only ones of their name and type. Others are changed or removed.
      - Don't set it for C(TXT) records of the zone itself, where services keep their proofs beside SPF.
    type: bool
    default: false
seealso:
  - module: listkit.infomaniak.dns_record_info
"""

EXAMPLES = r"""
- name: Point the web interface's name at its host
  listkit.infomaniak.dns_record:
    zone: example.org
    exclusive: true
    records:
      - {source: lists, type: A, target: 192.0.2.1}
      - {source: lists, type: AAAA, target: "2001:db8::1"}
  delegate_to: localhost
"""

RETURN = r"""
records:
  description: All records of the zone afterwards.
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
      description: Where it points.
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
from ansible_collections.listkit.infomaniak.plugins.module_utils.records import Record


def converge(module, client):
    """Bring the records to their state."""
    params = module.params
    zone = api_module.zone(params)
    declared = [Record.of_option(option, zone) for option in params["records"]]
    have = records.find(client, zone)
    after = records.wanted(have, declared, params["state"] == "absent", params["exclusive"])
    if not module.check_mode:
        after = records.converge(client, zone, have, after)
    return records.outcome(have, after)


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            **api_module.ARGUMENTS,
            **api_module.ZONE_ARGUMENTS,
            "records": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "source": {"type": "str", "default": records.APEX},
                    "type": {"type": "str", "choices": list(records.TYPES), "required": True},
                    "target": {"type": "str", "required": True},
                    "ttl": {"type": "int", "default": 3600},
                    "replaces": {"type": "list", "elements": "str", "default": []},
                },
            },
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "exclusive": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    api_module.run(module, converge)


if __name__ == "__main__":
    main()
