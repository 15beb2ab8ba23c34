terraform {
  # Also OpenTofu, from its first release on.
  required_version = ">= 1.6"

  required_providers {
    openstack = {
      source  = "terraform-provider-openstack/openstack"
      version = "~> 3.4"
    }
  }
}

# Terraform quotes the first line of a block beside the cloud's own error message. The comments on these lines say what to fix.

provider "openstack" { # login or region refused: source the openrc file again, or set OS_CLOUD; see also the variable region
  region = var.region
}
