# What is refused before anything is asked of the cloud.

mock_provider "openstack" {}

variables {
  fqdn              = "lists.example.org"
  ssh_allowed_cidrs = ["203.0.113.7/32"]
  ssh_public_key    = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleExa ana@laptop"
}

run "nobody_may_log_in" {
  command = plan
  variables {
    ssh_allowed_cidrs = []
  }
  expect_failures = [var.ssh_allowed_cidrs]
}

run "address_without_prefix" {
  command = plan
  variables {
    ssh_allowed_cidrs = ["203.0.113.7"]
  }
  expect_failures = [var.ssh_allowed_cidrs]
}

run "word_for_a_network" {
  command = plan
  variables {
    ssh_allowed_cidrs = ["office"]
  }
  expect_failures = [var.ssh_allowed_cidrs]
}

run "host_bits" {
  command = plan
  variables {
    ssh_allowed_cidrs = ["203.0.113.7/24"]
  }
  expect_failures = [var.ssh_allowed_cidrs]
}

run "host_bits_ipv6" {
  command = plan
  variables {
    ssh_allowed_cidrs = ["2001:db8::1/64"]
  }
  expect_failures = [var.ssh_allowed_cidrs]
}

run "ssh_for_the_world" {
  command = plan
  variables {
    ssh_allowed_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.ssh_allowed_cidrs]
}

run "ssh_for_the_ipv6_world" {
  command = plan
  variables {
    ssh_allowed_cidrs = ["203.0.113.7/32", "::/0"]
  }
  expect_failures = [var.ssh_allowed_cidrs]
}

run "fqdn_without_domain" {
  command = plan
  variables {
    fqdn = "lists"
  }
  expect_failures = [var.fqdn]
}

run "fqdn_in_capitals" {
  command = plan
  variables {
    fqdn = "Lists.example.org"
  }
  expect_failures = [var.fqdn]
}

run "fqdn_with_final_dot" {
  command = plan
  variables {
    fqdn = "lists.example.org."
  }
  expect_failures = [var.fqdn]
}

run "fqdn_as_address" {
  command = plan
  variables {
    fqdn = "https://lists.example.org/"
  }
  expect_failures = [var.fqdn]
}

run "private_key" {
  command = plan
  variables {
    ssh_public_key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----\n"
  }
  expect_failures = [var.ssh_public_key]
}

run "path_of_a_key" {
  command = plan
  variables {
    ssh_public_key = "~/.ssh/id_ed25519.pub"
  }
  expect_failures = [var.ssh_public_key]
}

run "two_keys" {
  command = plan
  variables {
    ssh_public_key = "ssh-ed25519 AAAA a\nssh-ed25519 BBBB b\n"
  }
  expect_failures = [var.ssh_public_key]
}

run "empty_region" {
  command = plan
  variables {
    region = ""
  }
  expect_failures = [var.region]
}

run "empty_network" {
  command = plan
  variables {
    network_name = " "
  }
  expect_failures = [var.network_name]
}

run "empty_flavor" {
  command = plan
  variables {
    flavor_name = ""
  }
  expect_failures = [var.flavor_name]
}

run "empty_image" {
  command = plan
  variables {
    image_name = ""
  }
  expect_failures = [var.image_name]
}

run "name_with_space" {
  command = plan
  variables {
    name = "my lists"
  }
  expect_failures = [var.name]
}

run "name_ending_in_hyphen" {
  command = plan
  variables {
    name = "lists-"
  }
  expect_failures = [var.name]
}

run "half_a_gigabyte" {
  command = plan
  variables {
    data_volume_size = 0.5
  }
  expect_failures = [var.data_volume_size]
}

run "unknown_part" {
  command = plan
  variables {
    hosts = { core = {} }
  }
  expect_failures = [var.hosts]
}

run "single_ipv6_address" {
  command = plan
  variables {
    ssh_allowed_cidrs = ["2001:DB8::1/128"]
  }

  assert {
    condition     = one([for rule in openstack_networking_secgroup_rule_v2.host : rule.remote_ip_prefix if rule.direction == "ingress" ? (rule.protocol == "tcp" ? rule.port_range_min == 22 : false) : false]) == "2001:db8::1/128"
    error_message = "Another notation of the same address must be accepted."
  }
}
