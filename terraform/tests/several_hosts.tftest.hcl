# A host for each part of the kit.

mock_provider "openstack" {
  mock_resource "openstack_networking_port_v2" {
    defaults = { all_fixed_ips = ["2001:db8::23", "203.0.113.23"] }
  }
}

variables {
  fqdn              = "lists.example.org"
  ssh_allowed_cidrs = ["203.0.113.7/32", "198.51.100.0/24", "2001:DB8:7::/64"]
  ssh_public_key    = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleExa ana@laptop\n"
}

run "several_hosts" {
  command = apply
  variables {
    protect          = false
    data_volume_size = 20
    hosts = {
      mailman_web = {}
      database    = { flavor_name = "a2-ram4-disk50-perf1" }
    }
  }

  assert {
    condition     = { for key, server in openstack_compute_instance_v2.host : key => server.name } == { mailman = "mailman", mailman_web = "mailman-web", database = "mailman-database" }
    error_message = "Each part has a server of its own."
  }

  assert {
    condition = alltrue([
      for key, rule in openstack_networking_secgroup_rule_v2.host :
      contains([80, 443], rule.port_range_min) ? startswith(key, "mailman_web: ") : true if rule.direction == "ingress" ? rule.protocol == "tcp" : false
    ])
    error_message = "Only the web interface's host is open to the web."
  }

  assert {
    condition     = length(openstack_networking_secgroup_rule_v2.internal) == 2 && alltrue([for rule in openstack_networking_secgroup_rule_v2.internal : rule.remote_group_id == openstack_networking_secgroup_v2.internal[0].id])
    error_message = "Only the hosts themselves may reach each other's internal ports."
  }

  assert {
    condition     = alltrue([for port in openstack_networking_port_v2.host : contains(port.security_group_ids, openstack_networking_secgroup_v2.internal[0].id)])
    error_message = "Each host carries its own group and the internal one."
  }

  assert {
    condition     = openstack_compute_volume_attach_v2.data[0].instance_id == openstack_compute_instance_v2.host["database"].id
    error_message = "The volume belongs to the host with the database."
  }

  assert {
    condition     = data.openstack_compute_flavor_v2.host["database"].name == "a2-ram4-disk50-perf1" && data.openstack_compute_flavor_v2.host["mailman_web"].name == "a1-ram2-disk20-perf1"
    error_message = "A host without a flavor of its own has the common one."
  }

  assert {
    condition     = alltrue([for group, name in { mailman = "mail1", mailman_web = "web1", database = "db1" } : strcontains(output.inventory, "[${group}]\n${name} ansible_host=203.0.113.23 ")])
    error_message = "The inventory has a group for each part."
  }
}
