# --- Required or specific to you--------------------------------------------------------------------------------------

variable "fqdn" {
  description = "Name of the web interface, for example `lists.example.org`. Its A and AAAA records will point at the host."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.fqdn) <= 253 && can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$", var.fqdn))
    error_message = "fqdn must be a full name in small letters without a final dot, for example \"lists.example.org\"."
  }
}

variable "ssh_allowed_cidrs" {
  description = "Networks that may reach port 22, for example `[\"203.0.113.7/32\", \"2001:db8:7::/64\"]`. A single IPv4 address ends in `/32`, a single IPv6 address in `/128`."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.ssh_allowed_cidrs) > 0
    error_message = "ssh_allowed_cidrs must not be empty: neither you nor Ansible could log in. Name the networks you work from, for example [\"203.0.113.7/32\"]."
  }

  validation {
    condition     = alltrue([for cidr in var.ssh_allowed_cidrs : can(cidrhost(cidr, 0))])
    error_message = "Each entry of ssh_allowed_cidrs must be a network with its prefix length, for example [\"203.0.113.7/32\", \"2001:db8:7::/64\"]."
  }

  validation {
    condition = alltrue([
      for cidr in var.ssh_allowed_cidrs :
      try(cidrhost(cidr, 0) == cidrhost("${split("/", cidr)[0]}/${can(regex(":", cidr)) ? 128 : 32}", 0), true)
    ])
    error_message = "An entry of ssh_allowed_cidrs has bits set behind its prefix, as \"203.0.113.7/24\" would. Write \"203.0.113.7/32\" for one address or \"203.0.113.0/24\" for the network."
  }

  validation {
    condition     = alltrue([for cidr in var.ssh_allowed_cidrs : !endswith(cidr, "/0")])
    error_message = "ssh_allowed_cidrs must not open port 22 to the whole internet. Name the networks you work from, for example [\"203.0.113.7/32\"]."
  }
}

variable "ssh_public_key" {
  description = "The *public* key that may log in as `debian`, in one line, as in `~/.ssh/id_ed25519.pub`."
  type        = string
  nullable    = false
  # A private key that was pasted by mistake must not appear in the error message.
  sensitive = true

  validation {
    condition     = can(regex("^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\\.com) [A-Za-z0-9+/=]+( [^\n]*)?\n?$", var.ssh_public_key))
    error_message = "ssh_public_key must be one line of a public key, for example \"ssh-ed25519 AAAAC3Nza... ana@laptop\": the content of ~/.ssh/id_ed25519.pub, never of the file without .pub."
  }
}

# --- The cloud's names -----------------------------------------------------------------------------------------------

variable "region" {
  description = "Region of the Public Cloud: `dc3-a` or `dc4-a`."
  type        = string
  default     = "dc3-a"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]*$", var.region))
    error_message = "region must be the name of a region, for example \"dc3-a\"."
  }
}

variable "network_name" {
  description = "Network with public addresses; `openstack network list` shows them. `ext-net1` has IPv4 and IPv6."
  type        = string
  default     = "ext-net1"
  nullable    = false

  validation {
    condition     = length(trimspace(var.network_name)) > 0
    error_message = "network_name must not be empty, for example \"ext-net1\"."
  }
}

variable "flavor_name" {
  description = "Size of the host; `openstack flavor list` shows them."
  type        = string
  default     = "a1-ram2-disk20-perf1"
  nullable    = false

  validation {
    condition     = length(trimspace(var.flavor_name)) > 0
    error_message = "flavor_name must not be empty, for example \"a1-ram2-disk20-perf1\"."
  }
}

variable "image_name" {
  description = "Image that new hosts boot from; the newest with this name is used. Existing hosts are not affected."
  type        = string
  default     = "Debian 13 trixie"
  nullable    = false

  validation {
    condition     = length(trimspace(var.image_name)) > 0
    error_message = "image_name must not be empty, for example \"Debian 13 trixie\" or \"Debian 12 bookworm\"."
  }
}

# --- The host --------------------------------------------------------------------------------------------------------

variable "name" {
  description = "Name of the server; everything else is named after it."
  type        = string
  default     = "mailman"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,40}[a-z0-9])?$", var.name))
    error_message = "name must be small letters, digits and hyphens, beginning with a letter, for example \"mailman\"."
  }
}

variable "protect" {
  description = "Refuse to destroy or replace resources that hold mail. To take everything down: `terraform apply -var protect=false`, then `terraform destroy -var protect=false`."
  type        = bool
  default     = true
  nullable    = false
}

variable "data_volume_size" {
  description = "Size in GB of a volume for the database, the archive and the queues, which outlives the server; 0 for none. Only a new server mounts it."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.data_volume_size >= 0 && floor(var.data_volume_size) == var.data_volume_size
    error_message = "data_volume_size must be a whole number of GB, for example 20, or 0 for no volume."
  }
}

variable "hosts" {
  description = "Servers besides `mailman`, for those who outgrow one host (`docs/setup/several-hosts.md`): `mailman_web` for the web interface, `database` for the database and the data volume."
  type = map(object({
    flavor_name = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = length(setsubtract(keys(var.hosts), ["mailman_web", "database"])) == 0
    error_message = "hosts can have the keys mailman_web and database, for example { database = { flavor_name = \"a2-ram4-disk50-perf1\" } }."
  }
}
