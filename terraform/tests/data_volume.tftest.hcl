# A volume that outlives the server.

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

run "data_volume" {
  command = apply
  variables {
    data_volume_size = 20
    protect          = false
  }

  assert {
    condition     = openstack_blockstorage_volume_v3.data[0].size == 20 && openstack_compute_volume_attach_v2.data[0].instance_id == openstack_compute_instance_v2.host["mailman"].id
    error_message = "The volume is plugged into the host."
  }

  assert {
    condition = strcontains(
      yamldecode(openstack_compute_instance_v2.host["mailman"].user_data).write_files[0].content,
      "/dev/disk/by-id/virtio-${substr(openstack_blockstorage_volume_v3.data[0].id, 0, 20)} /srv/data ext4",
    )
    error_message = "cloud-init mounts the volume by its serial number."
  }
}
