variable "zone" {
  description = "Zone at Infomaniak: the domain of the lists."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9-]+\\.)+[a-z][a-z0-9-]+$", var.zone))
    error_message = "zone must be a domain in small letters, for example \"example.org\"."
  }
}

variable "fqdn" {
  description = "Name of the web interface, as in the inventory."
  type        = string
  nullable    = false

  validation {
    condition     = endswith(var.fqdn, ".${var.zone}")
    error_message = "fqdn must be a name in the zone, for example \"lists.example.org\"."
  }
}

variable "ipv4" {
  description = "IPv4 address of the host, from `terraform output ipv4`; null without one."
  type        = string
  default     = null
}

variable "ipv6" {
  description = "IPv6 address of the host, from `terraform output ipv6`; null without one."
  type        = string
  default     = null
}

variable "spf" {
  description = "The domain's only SPF record. Add what else may send for the domain; ten look-ups at most, of which Infomaniak's include costs four."
  type        = string
  default     = "v=spf1 include:spf.infomaniak.ch -all"
  nullable    = false

  validation {
    condition     = can(regex("^v=spf1 .*include:spf\\.infomaniak\\.ch .*[-~?]all$", var.spf))
    error_message = "spf must include Infomaniak and end with all, for example \"v=spf1 include:spf.infomaniak.ch -all\"."
  }
}

variable "dmarc_reports" {
  description = "Recipient of the DMARC reports, for example mailman_email of the inventory."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[^@ ]+@[^@ ]+$", var.dmarc_reports))
    error_message = "dmarc_reports must be an address, for example \"admin@example.org\"."
  }
}

variable "ttl" {
  description = "Seconds that others may keep the records."
  type        = number
  default     = 3600
  nullable    = false

  validation {
    condition     = var.ttl >= 60 && var.ttl <= 86400
    error_message = "ttl must be between 60 and 86400, for example 3600."
  }
}

locals {
  host = trimsuffix(var.fqdn, ".${var.zone}")
  all_records = {
    a     = { type = "A", source = local.host, data = { ip = var.ipv4 } }
    aaaa  = { type = "AAAA", source = local.host, data = { ip = var.ipv6 } }
    mx    = { type = "MX", source = ".", data = { priority = 5, target = "mta-gw.infomaniak.ch" } }
    spf   = { type = "TXT", source = ".", data = { value = var.spf } }
    dmarc = { type = "TXT", source = "_dmarc", data = { value = "v=DMARC1; p=none; rua=mailto:${var.dmarc_reports}" } }
  }
  wanted  = { a = var.ipv4 != null, aaaa = var.ipv6 != null, mx = true, spf = true, dmarc = true }
  records = { for name, record in local.all_records : name => record if local.wanted[name] }
}
