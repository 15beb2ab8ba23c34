# What an operator sees after an apply.

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

run "outputs" {
  command = apply
  variables {
    protect = false
  }

  assert {
    condition     = output.ipv4 == "203.0.113.23" && output.ipv6 == "2001:db8::23"
    error_message = "Addresses must be distinguished by their family, not by their position."
  }

  assert {
    condition     = jsonencode(output.dns_records) == jsonencode([{ name = "lists.example.org", type = "A", value = "203.0.113.23" }, { name = "lists.example.org", type = "AAAA", value = "2001:db8::23" }])
    error_message = "An A and an AAAA record for fqdn."
  }

  assert {
    condition     = output.ssh_command == "ssh debian@203.0.113.23"
    error_message = "The login goes to the IPv4 address."
  }

  assert {
    condition     = strcontains(output.inventory, "\nmailman ansible_host=203.0.113.23 ansible_user=debian\n") && strcontains(output.inventory, "\nfqdn=lists.example.org\n")
    error_message = "The inventory has the host and its name."
  }
}
