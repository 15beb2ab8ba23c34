# A network that gives out IPv6 addresses only.

mock_provider "openstack" {
  mock_resource "openstack_networking_port_v2" {
    defaults = { all_fixed_ips = ["2001:db8::23"] }
  }
}

variables {
  fqdn              = "lists.example.org"
  ssh_allowed_cidrs = ["203.0.113.7/32", "198.51.100.0/24", "2001:DB8:7::/64"]
  ssh_public_key    = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleExa ana@laptop\n"
}

run "network_without_ipv4" {
  command = apply
  variables {
    network_name = "ext-v6only1"
    protect      = false
  }

  assert {
    condition     = output.ipv4 == null && length(output.dns_records) == 1 && output.ssh_command == "ssh debian@2001:db8::23"
    error_message = "Without IPv4, everything goes over IPv6."
  }
}
