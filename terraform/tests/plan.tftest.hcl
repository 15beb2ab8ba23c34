# What the plan contains. No cloud is needed.

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

run "rules" {
  command = plan

  assert {
    condition = toset([
      for rule in openstack_networking_secgroup_rule_v2.host :
      join(" ", [rule.direction, rule.ethertype, rule.protocol, rule.protocol == "tcp" ? "${rule.port_range_min}-${rule.port_range_max}" : "-", rule.remote_ip_prefix]) if rule.direction == "ingress"
      ]) == toset([
      "ingress IPv4 tcp 22-22 203.0.113.7/32",
      "ingress IPv4 tcp 22-22 198.51.100.0/24",
      "ingress IPv6 tcp 22-22 2001:db8:7::/64",
      "ingress IPv4 tcp 80-80 0.0.0.0/0",
      "ingress IPv6 tcp 80-80 ::/0",
      "ingress IPv4 tcp 443-443 0.0.0.0/0",
      "ingress IPv6 tcp 443-443 ::/0",
      "ingress IPv4 icmp - 0.0.0.0/0",
      "ingress IPv6 ipv6-icmp - ::/0",
    ])
    error_message = "The rules differ from those that docs/setup/instance.md promises."
  }

  assert {
    condition     = toset([for rule in openstack_networking_secgroup_rule_v2.host : rule.ethertype if rule.direction == "egress"]) == toset(["IPv4", "IPv6"])
    error_message = "Everything may go out, over both protocols."
  }

  assert {
    condition     = length(openstack_networking_secgroup_rule_v2.internal) == 0
    error_message = "A single host needs no rules for internal traffic."
  }
}

run "names" {
  command = plan

  assert {
    condition     = openstack_compute_instance_v2.host["mailman"].name == "mailman" && openstack_compute_keypair_v2.operator.name == "mailman" && openstack_networking_secgroup_v2.host["mailman"].name == "mailman"
    error_message = "By default everything is called mailman."
  }

  assert {
    condition     = openstack_compute_instance_v2.host["mailman"].metadata == tomap({ listkit = "mailman", listkit_group = "mailman" })
    error_message = "The dynamic inventory finds the host by its metadata."
  }

  assert {
    condition     = data.openstack_networking_network_v2.public.name == "ext-net1" && data.openstack_compute_flavor_v2.host["mailman"].name == "a1-ram2-disk20-perf1" && data.openstack_images_image_v2.debian.name == "Debian 13 trixie" && data.openstack_images_image_v2.debian.most_recent
    error_message = "The defaults are the guide's names."
  }

  assert {
    condition     = !endswith(nonsensitive(openstack_compute_keypair_v2.operator.public_key), "\n")
    error_message = "A final newline would be a difference at every plan."
  }

  assert {
    condition     = yamldecode(openstack_compute_instance_v2.host["mailman"].user_data).fqdn == "lists.example.org" && !can(yamldecode(openstack_compute_instance_v2.host["mailman"].user_data).write_files)
    error_message = "Without a volume, cloud-init sets the name and nothing else."
  }

  assert {
    condition     = terraform_data.protect.input == true
    error_message = "Protection is on by default."
  }
}

run "another_name" {
  command = plan
  variables {
    name = "lists-2"
  }

  assert {
    condition     = openstack_compute_instance_v2.host["mailman"].name == "lists-2" && openstack_networking_port_v2.host["mailman"].name == "lists-2"
    error_message = "The variable name names everything."
  }
}
