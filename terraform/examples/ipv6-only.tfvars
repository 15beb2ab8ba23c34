# No IPv4 address, which is billed. Visitors of the web interface and administrators need IPv6.
fqdn              = "lists.example.org"
region            = "dc4-a"
network_name      = "ext-v6only1"
ssh_allowed_cidrs = ["2001:db8:7::/64"]
ssh_public_key    = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleExa ana@laptop"
