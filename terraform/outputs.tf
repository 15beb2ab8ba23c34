locals {
  # `all_fixed_ips` has no fixed order, and both provider generations agree on it.
  ipv4 = { for key, port in openstack_networking_port_v2.host : key => one([for ip in port.all_fixed_ips : ip if !can(regex(":", ip))]) }
  ipv6 = { for key, port in openstack_networking_port_v2.host : key => one([for ip in port.all_fixed_ips : ip if can(regex(":", ip))]) }
  # On a network without IPv4, Ansible comes over IPv6.
  login = { for key in keys(local.flavors) : key => coalesce(local.ipv4[key], local.ipv6[key], "no-address") }
  # Ansible warns of a host that is called as a group: these are for hosts in groups, a host alone is called mailman and in none.
  inventory_names = { mailman = "mail1", mailman_web = "web1", database = "db1" }
}

output "ipv4" {
  description = "IPv4 address of the host that `fqdn` names; null on a network without IPv4."
  value       = local.ipv4[local.web]
}

output "ipv6" {
  description = "IPv6 address of the host that `fqdn` names; null on a network without IPv6."
  value       = local.ipv6[local.web]
}

output "dns_records" {
  description = "The records to create in the domain's zone, so that `fqdn` points at the host."
  value = [for record in [
    { name = var.fqdn, type = "A", value = local.ipv4[local.web] },
    { name = var.fqdn, type = "AAAA", value = local.ipv6[local.web] },
  ] : record if record.value != null]
}

output "ssh_command" {
  description = "How to log in."
  value       = "ssh debian@${local.login["mailman"]}"
}

output "inventory" {
  description = "Text of the Ansible inventory: `terraform output -raw inventory > ../inventory`. The settings go into `group_vars/all.yml`."
  value = templatefile("${path.module}/inventory.tftpl", {
    fqdn  = var.fqdn
    hosts = { for group, address in local.login : group => { name = local.inventory_names[group], address = address } }
  })
}
