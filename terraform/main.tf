# --- Which hosts there are -------------------------------------------------------------------------------------------

locals {
  # The keys are the groups of the inventory. They never depend on `name`: renaming must not replace a server.
  flavors = merge(
    { mailman = var.flavor_name },
    { for key, host in var.hosts : key => coalesce(host.flavor_name, var.flavor_name) },
  )
  names = { for key in keys(local.flavors) : key => key == "mailman" ? var.name : "${var.name}-${replace(trimprefix(key, "mailman_"), "_", "-")}" }

  # The host whose name is `fqdn`, and the host whose disk is precious.
  web  = contains(keys(var.hosts), "mailman_web") ? "mailman_web" : "mailman"
  data = contains(keys(var.hosts), "database") ? "database" : "mailman"
}

# --- What the cloud has ----------------------------------------------------------------------------------------------

data "openstack_networking_network_v2" "public" { # not found: set network_name to a name that `openstack network list` shows
  name = var.network_name
}

data "openstack_compute_flavor_v2" "host" { # not found: set flavor_name to a name that `openstack flavor list` shows
  for_each = local.flavors
  name     = each.value
}

data "openstack_images_image_v2" "debian" { # not found: set image_name to a name that `openstack image list` shows
  name        = var.image_name
  most_recent = true
}

# --- The server ------------------------------------------------------------------------------------------------------

resource "openstack_compute_keypair_v2" "operator" {
  name       = var.name
  public_key = trimspace(var.ssh_public_key)
}

resource "openstack_networking_port_v2" "host" { # quota: `openstack quota show` shows the limit of ports; port_security: ask for ext-net1
  for_each           = local.flavors
  name               = local.names[each.key]
  network_id         = data.openstack_networking_network_v2.public.id
  admin_state_up     = true
  security_group_ids = concat([openstack_networking_secgroup_v2.host[each.key].id], openstack_networking_secgroup_v2.internal[*].id)
}

resource "openstack_compute_instance_v2" "host" { # quota: `openstack quota show` shows the limits; raise them, or set flavor_name to a smaller one
  for_each  = local.flavors
  name      = local.names[each.key]
  flavor_id = data.openstack_compute_flavor_v2.host[each.key].id
  image_id  = data.openstack_images_image_v2.debian.id
  key_pair  = openstack_compute_keypair_v2.operator.name
  user_data = local.user_data[each.key]

  # The dynamic inventory finds the hosts by these.
  metadata = {
    listkit       = var.name
    listkit_group = each.key
  }

  network {
    port = openstack_networking_port_v2.host[each.key].id
  }

  lifecycle {
    # Each of these would replace the server, and the mail on it.
    ignore_changes = [image_id, image_name, key_pair, user_data]
  }
}

# --- The data volume -------------------------------------------------------------------------------------------------

resource "openstack_blockstorage_volume_v3" "data" { # quota: `openstack quota show` shows the limits; raise them, or set data_volume_size to a smaller one
  count                = var.data_volume_size > 0 ? 1 : 0
  name                 = "${var.name}-data"
  description          = "Database, archive and queues of the lists"
  size                 = var.data_volume_size
  enable_online_resize = true
}

resource "openstack_compute_volume_attach_v2" "data" {
  count       = length(openstack_blockstorage_volume_v3.data)
  instance_id = openstack_compute_instance_v2.host[local.data].id
  volume_id   = openstack_blockstorage_volume_v3.data[count.index].id
}

# --- Protection against destroying it --------------------------------------------------------------------------------

# `prevent_destroy` accepts no variable. This resource depends on all others, so Terraform destroys it first, and with `protect` it refuses:
# nothing else is touched. A change that replaces a server, its port or the volume replaces this resource before, so that is refused as well.
resource "terraform_data" "protect" {
  input = var.protect

  triggers_replace = [
    values(openstack_compute_instance_v2.host)[*].id,
    values(openstack_networking_port_v2.host)[*].id,
    openstack_blockstorage_volume_v3.data[*].id,
  ]

  depends_on = [
    openstack_compute_keypair_v2.operator,
    openstack_compute_volume_attach_v2.data,
    openstack_networking_secgroup_rule_v2.host,
    openstack_networking_secgroup_rule_v2.internal,
  ]

  provisioner "local-exec" {
    when    = destroy
    command = self.input ? "echo 'The variable protect is true, so nothing was destroyed or replaced. To go on all the same: terraform apply -var protect=false, then repeat this command with -var protect=false.' >&2; exit 1" : "true"
  }
}
