# No IPv4 address, which is billed; whoever uses the web interface or logs in needs IPv6.
fqdn              = "lists.example.org"
region            = "dc4-a"
network_name      = "ext-v6only1"
ssh_allowed_cidrs = ["2001:db8:7::/64"]
ssh_public_key    = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleExa ana@laptop"
