# SPDX-License-Identifier: MIT
"""Which host has which components, and how the hosts of a split site reach each other."""

from __future__ import annotations

DOCUMENTATION = r"""
name: topology
short_description: Which components a host has, and how it reaches the others
version_added: 0.1.0
description:
  - Reads the groups C(mailman), C(mailman_web) and C(database). A group that isn't there is on the host C(mailman), and
    without the last two every host of C(mailman) is a site of its own.
  - The hosts of a split site reach each other at C(private_address), or else at C(ansible_host).
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
    description: The inventory name of the host that is asked about.
    type: str
    required: true
  managed_database:
    description: Whether the database is on none of these hosts.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show what runs here
  ansible.builtin.debug:
    msg: "{{ (groups | listkit.kit.topology(hostvars, inventory_hostname)).components }}"
"""

RETURN = r"""
_value:
  description:
    - V(components), the host's own of C(core), C(web) and C(database); V(address), its address for the other hosts.
    - V(hosts), the host's name of each component.
    - V(accept) and V(connect), the ends of links at this host, each with V(name), V(port), V(tunnel_port), V(protocol);
      the first with V(peers), each with V(address) and V(key), the second with V(address) and V(key). A key is the name
      of a secret.
    - V(secrets), what the host takes from others, each with V(host) and V(names).
  type: dict
"""

from ansible_collections.listkit.kit.plugins.plugin_utils.topology import (
    address_of,
    components_of,
    links,
    needed_secrets,
)


def topology(groups, hostvars, host, managed_database=False):
    """Return what `host` is to its site."""
    components = components_of(groups, hostvars, host, bool(managed_database))
    accept, connect = links(components, host)
    return {
        "components": [name for name, component in components.items() if component.host == host],
        "address": address_of(host, hostvars[host]),
        "hosts": {name: component.host for name, component in components.items()},
        "accept": accept,
        "connect": connect,
        "secrets": needed_secrets(components, host),
    }


class FilterModule:
    """Ansible's door to the filter."""

    def filters(self):
        """Return the filter by name."""
        return {"topology": topology}
