# SPDX-License-Identifier: MIT
"""The components of a host, and its connections to the other hosts of a split site."""

from __future__ import annotations

DOCUMENTATION = r"""
name: topology
short_description: Return the components of a host, and its connections to others
version_added: 0.1.0
author: The kit's authors (@listkit)
description:
  - Reads the groups C(mailman), C(mailman_web) and C(database). The component of a missing group is on the host
    C(mailman). Without the last two groups, every host of C(mailman) is a site of its own.
  - The hosts of a split site reach each other at C(private_address), or at C(ansible_host) without one.
options:
  _input:
    description: The magic variable C(groups).
    type: dict
    required: true
  hostvars:
    description: The magic variable C(hostvars).
    type: dict
    required: true
  host:
    description: The inventory name of the host.
    type: str
    required: true
  managed_database:
    description: Whether the database is a managed service.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show the host's components
  ansible.builtin.debug:
    msg: "{{ (groups | listkit.kit.topology(hostvars, inventory_hostname)).components }}"
"""

RETURN = r"""
_value:
  description:
    - V(components), those of C(core), C(web) and C(database) that are on the host; V(address), its address for the
      other hosts.
    - V(hosts), the name of each component's host.
    - V(accept) and V(connect), the host's ends of the tunnels, each with V(name), V(port), V(tunnel_port) and
      V(protocol); the first with V(peers), each with V(address) and V(key), the second with V(address) and V(key). A
      key is the name of a secret.
    - V(secrets), the secrets that the host needs from others, each with V(host) and V(names).
  type: dict
"""

from ansible_collections.listkit.kit.plugins.plugin_utils.topology import (
    address_of,
    components_of,
    needed_secrets,
    tunnel_ends,
)


def topology(groups, hostvars, host, managed_database=False):
    """Return the components and connections of `host`."""
    components = components_of(groups, hostvars, host, bool(managed_database))
    accept, connect = tunnel_ends(components, host)
    return {
        "components": [name for name, component in components.items() if component.host == host],
        "address": address_of(host, hostvars[host]),
        "hosts": {name: component.host for name, component in components.items()},
        "accept": accept,
        "connect": connect,
        "secrets": needed_secrets(components, host),
    }


class FilterModule:
    """Ansible's entry point."""

    def filters(self):
        """Return the filter by name."""
        return {"topology": topology}
