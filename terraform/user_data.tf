# --- First boot ------------------------------------------------------------------------------------------------------

locals {
  # The virtio serial number is the beginning of the volume's id, so the disk is found wherever it is plugged in.
  data_device = var.data_volume_size > 0 ? "/dev/disk/by-id/virtio-${substr(openstack_blockstorage_volume_v3.data[0].id, 0, 20)}" : null

  user_data = { for key, name in local.names : key => templatefile("${path.module}/user_data.yaml.tftpl", {
    fqdn   = key == local.web ? var.fqdn : "${name}.${var.fqdn}"
    device = key == local.data ? local.data_device : null
  }) }
}
