# Database, archive and queues on a volume that outlives the server.
fqdn              = "lists.example.org"
ssh_allowed_cidrs = ["203.0.113.7/32"]
ssh_public_key    = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleExa ana@laptop"
data_volume_size  = 20
