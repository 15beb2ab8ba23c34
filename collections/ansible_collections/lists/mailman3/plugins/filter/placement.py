# SPDX-License-Identifier: MIT
"""Which host has which stations, and how the hosts of a split site reach each other."""

from __future__ import annotations

DOCUMENTATION = r"""
name: placement
short_description: Which stations a host has, and how it reaches the others
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
    msg: "{{ (groups | lists.mailman3.placement(hostvars, inventory_hostname)).stations }}"
"""

RETURN = r"""
_value:
  description:
    - V(stations), the host's own of C(core), C(web) and C(database); V(address), its address for the other hosts.
    - V(hosts), the host's name of each station.
    - V(accept) and V(connect), the ends of links at this host, each with V(name), V(port), V(link_port), V(protocol);
      the first with V(peers), each with V(address) and V(key), the second with V(address) and V(key). A key is the name
      of a secret.
    - V(secrets), what the host takes from others, each with V(host) and V(names).
  type: dict
"""

from ansible_collections.lists.mailman3.plugins.plugin_utils import stations


def placement(groups, hostvars, host, managed_database=False):
    """Return what `host` is to its site."""
    placed = stations.placed(groups, hostvars, host, bool(managed_database))
    accept, connect = stations.links(placed, host)
    return {
        "stations": [name for name, station in placed.items() if station.host == host],
        "address": stations.address_of(host, hostvars[host]),
        "hosts": {name: station.host for name, station in placed.items()},
        "accept": accept,
        "connect": connect,
        "secrets": stations.taken(placed, host),
    }


class FilterModule:
    """Ansible's door to the filter."""

    def filters(self):
        """Return the filter by name."""
        return {"placement": placement}
