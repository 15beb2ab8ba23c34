"""`seed catalog` fills the service catalogue, `seed cloud` makes what the public cloud shows to its customers.

Both may run again: what is there already stays. The addresses are taken from the host's own interface: servers get the
upper half of its network, so that they can stand on it.
"""

import io
import ipaddress
import json
import subprocess
import sys

import openstack

REGION = "dc3-a"
ADMIN_PASSWORD = "admin-password"
PROJECT, USER, PASSWORD = "PCP-TEST01", "PCU-TEST01", "user-password"
FLAVOR, IMAGE, NETWORK = "a1-ram2-disk20-perf1", "Debian 13 trixie", "ext-net1"
SERVICES = (
    ("glance", "image", ":9292"),
    ("placement", "placement", ":8778"),
    ("nova", "compute", ":8774/v2.1"),
    ("neutron", "network", ":9696"),
    ("cinder", "volumev3", ":8776/v3/%(project_id)s"),
)


def main():
    connection = openstack.connect(
        auth_url="http://127.0.0.1:5000/v3", username="admin", password=ADMIN_PASSWORD, project_name="admin",
        user_domain_id="default", project_domain_id="default", region_name=REGION, interface="internal",
        identity_api_version="3",
    )  # fmt: skip
    {"catalog": catalog, "cloud": cloud}[sys.argv[1]](connection)


def catalog(connection):
    """Services, their addresses, and the customer."""
    identity = connection.identity
    address = own_networks()[4].ip
    keystone = identity.find_service("keystone")
    if next(iter(identity.endpoints(service_id=keystone.id, interface="public")), None):
        return
    identity.create_endpoint(
        service_id=keystone.id, interface="public", url=f"http://{address}:5000/v3", region_id=REGION
    )
    for name, kind, path in SERVICES:
        service = identity.create_service(name=name, type=kind)
        for interface, host in (("public", address), ("internal", "127.0.0.1")):
            identity.create_endpoint(
                service_id=service.id, interface=interface, url=f"http://{host}{path}", region_id=REGION
            )
    # Only a service may bind a port, and nova logs in as the administrator.
    administrator, own_project = identity.find_user("admin"), identity.find_project("admin")
    identity.assign_project_role_to_user(own_project, administrator, identity.find_role("service"))
    project = identity.create_project(name=PROJECT, domain_id="default")
    user = identity.create_user(name=USER, password=PASSWORD, domain_id="default", default_project_id=project.id)
    identity.assign_project_role_to_user(project, user, identity.find_role("member"))


def cloud(connection):
    """A flavor, an image and a dual-stack network."""
    if connection.network.find_network(NETWORK):
        return
    connection.compute.create_flavor(name=FLAVOR, vcpus=1, ram=2048, disk=20, is_public=True)
    connection.image.create_image(
        name=IMAGE, data=io.BytesIO(b"no disk: see the agent"), disk_format="raw", container_format="bare",
        visibility="public", os_admin_user="debian", validate_checksum=False,
    )  # fmt: skip
    # neutron's migrations make these; our database comes from the models.
    for family in ("IPv4", "IPv6"):
        connection.network.create_default_security_group_rule(
            direction="egress", ethertype=family, used_in_default_sg=True, used_in_non_default_sg=True
        )
    network = connection.network.create_network(
        name=NETWORK, is_router_external=True, is_shared=True, provider_network_type="flat",
        provider_physical_network="physnet1",
    )  # fmt: skip
    own = own_networks()
    v4, v6 = own[4].network, own[6].network
    connection.network.create_subnet(
        network_id=network.id, name=f"{NETWORK}-v4", ip_version=4, cidr=str(v4), gateway_ip=str(v4[1]),
        allocation_pools=[{"start": str(v4[v4.num_addresses // 2]), "end": str(v4[-2])}],
    )  # fmt: skip
    connection.network.create_subnet(
        network_id=network.id, name=f"{NETWORK}-v6", ip_version=6, cidr=str(v6), gateway_ip=str(v6[1]),
        ipv6_address_mode="slaac",
    )  # fmt: skip


def own_networks():
    """The interface's addresses with their prefixes, by IP version."""
    shown = subprocess.run(["ip", "-json", "address", "show", "eth0"], capture_output=True, check=True).stdout
    found = [ipaddress.ip_interface(f"{a['local']}/{a['prefixlen']}") for a in json.loads(shown)[0]["addr_info"]
             if a["scope"] == "global"]  # fmt: skip
    return {interface.version: interface for interface in found}


if __name__ == "__main__":
    main()
