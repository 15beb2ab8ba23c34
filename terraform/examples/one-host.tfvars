# One host, as the guide has it: terraform apply -var-file=examples/one-host.tfvars
fqdn              = "lists.example.org"
ssh_allowed_cidrs = ["203.0.113.7/32", "2001:db8:7::/64"]
ssh_public_key    = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleExa ana@laptop"
