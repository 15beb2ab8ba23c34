# A host for Mailman and the mail, one for the web interface, a bigger one for the database.
fqdn              = "lists.example.org"
ssh_allowed_cidrs = ["203.0.113.7/32"]
ssh_public_key    = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleExa ana@laptop"
data_volume_size  = 50
hosts = {
  mailman_web = {}
  database    = { flavor_name = "a2-ram4-disk50-perf1" }
}
