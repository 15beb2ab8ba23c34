# --- Incoming and outgoing traffic -----------------------------------------------------------------------------------------

locals {
  anywhere = { IPv4 = "0.0.0.0/0", IPv6 = "::/0" }
  icmp     = { IPv4 = "icmp", IPv6 = "ipv6-icmp" }

  # Networks in the spelling that the cloud keeps, so that a second plan finds nothing to do.
  ssh_cidrs = toset([for cidr in var.ssh_allowed_cidrs : cidrsubnet(cidr, 0, 0)])

  ssh_rules = { for cidr in local.ssh_cidrs : "ssh from ${cidr}" => {
    direction = "ingress", ethertype = can(regex(":", cidr)) ? "IPv6" : "IPv4", protocol = "tcp", port = 22, cidr = cidr
  } }
  icmp_rules = { for family, cidr in local.anywhere : "icmp over ${family}" => {
    direction = "ingress", ethertype = family, protocol = local.icmp[family], port = null, cidr = cidr
  } }
  web_rules = merge([for family, cidr in local.anywhere : { for port in [80, 443] : "${port} over ${family}" => {
    direction = "ingress", ethertype = family, protocol = "tcp", port = port, cidr = cidr
  } }]...)

  # What a group lets out by default is the cloud's choice, so it is said here.
  egress_rules = { for family, cidr in local.anywhere : "out over ${family}" => {
    direction = "egress", ethertype = family, protocol = null, port = null, cidr = null
  } }

  rules = merge([for host in keys(local.flavors) : {
    for name, rule in merge(local.ssh_rules, local.icmp_rules, local.egress_rules, host == local.web ? local.web_rules : {}) :
    "${host}: ${name}" => merge(rule, { host = host })
  }]...)

  # What the parts of the kit say to each other when they don't live on one host.
  internal_rules = length(var.hosts) == 0 ? {} : local.anywhere
}

resource "openstack_networking_secgroup_v2" "host" { # quota: `openstack quota show` shows the limit of security groups; ask to raise it
  for_each             = local.flavors
  name                 = local.names[each.key]
  description          = "What may reach the mailing lists' host"
  delete_default_rules = true
}

resource "openstack_networking_secgroup_rule_v2" "host" { # quota: shorten ssh_allowed_cidrs, or ask to raise the limit of rules
  for_each          = local.rules
  security_group_id = openstack_networking_secgroup_v2.host[each.value.host].id
  direction         = each.value.direction
  ethertype         = each.value.ethertype
  protocol          = each.value.protocol
  port_range_min    = each.value.port
  port_range_max    = each.value.port
  remote_ip_prefix  = each.value.cidr
  description       = each.key
}

resource "openstack_networking_secgroup_v2" "internal" {
  count       = length(var.hosts) == 0 ? 0 : 1
  name        = "${var.name}-internal"
  description = "What the mailing lists' hosts say to each other"
}

resource "openstack_networking_secgroup_rule_v2" "internal" {
  for_each          = local.internal_rules
  security_group_id = openstack_networking_secgroup_v2.internal[0].id
  direction         = "ingress"
  ethertype         = each.key
  protocol          = "tcp"
  remote_group_id   = openstack_networking_secgroup_v2.internal[0].id
  description       = "Between the hosts over ${each.key}"
}
