# The DNS records of the lists, for a zone at Infomaniak whose records you keep in Terraform.
# A configuration of its own: copy the directory, and leave infomaniak_zone out of the inventory.
#
#     export INFOMANIAK_TOKEN=…          # a token of the scope domain
#     terraform init && terraform plan

terraform {
  required_version = ">= 1.6"

  required_providers {
    infomaniak = {
      source  = "Infomaniak/infomaniak"
      version = ">= 1.1.9, < 2.0"
    }
  }
}

provider "infomaniak" {}

resource "infomaniak_record" "lists" {
  for_each = local.records

  zone_fqdn = var.zone
  type      = each.value.type
  source    = each.value.source
  data      = each.value.data
  ttl       = var.ttl
}
