"""What is in the customer's project, seen through OpenStack's SDK."""

import openstack

SERVER = 'openstack_compute_instance_v2.host["mailman"]'
# Direction, family, protocol, ports, network; for the settings that `workspaces` starts with.
EXPECTED_RULES = {
    ("ingress", "IPv4", "tcp", 22, 22, "203.0.113.7/32"),
    ("ingress", "IPv6", "tcp", 22, 22, "2001:db8:7::/64"),
    ("ingress", "IPv4", "tcp", 80, 80, "0.0.0.0/0"),
    ("ingress", "IPv6", "tcp", 80, 80, "::/0"),
    ("ingress", "IPv4", "tcp", 443, 443, "0.0.0.0/0"),
    ("ingress", "IPv6", "tcp", 443, 443, "::/0"),
    ("ingress", "IPv4", "icmp", None, None, "0.0.0.0/0"),
    ("ingress", "IPv6", "ipv6-icmp", None, None, "::/0"),
    ("egress", "IPv4", None, None, None, None),
    ("egress", "IPv6", None, None, None, None),
}


def connect(login: dict[str, str]) -> openstack.connection.Connection:
    """A client with this login."""
    names = {name.removeprefix("OS_").lower(): value for name, value in login.items()}
    return openstack.connect(load_yaml_config=False, load_envvars=False, **names)


def leftovers(customer: openstack.connection.Connection, name: str) -> list[str]:
    """Everything in the project that belongs to `name`."""
    found = [
        *customer.compute.servers(),
        *customer.compute.keypairs(),
        *customer.network.ports(project_id=customer.current_project_id),
        *customer.network.security_groups(project_id=customer.current_project_id),
        *customer.block_storage.volumes(),
    ]
    return [f"{type(thing).__name__} {thing.name}" for thing in found if (thing.name or "").startswith(name)]


def rules_of(customer, group: str) -> set[tuple]:
    """The rules of a security group: direction, family, protocol, ports, network."""
    return {
        (
            rule.direction,
            rule.ether_type,
            rule.protocol,
            rule.port_range_min,
            rule.port_range_max,
            rule.remote_ip_prefix,
        )
        for rule in customer.network.security_group_rules(security_group_id=group)
    }
