#!/bin/sh
# Runs inside a Debian image and makes it what the public cloud boots: no user, no key, no host key; cloud-init brings them.
set -eu
apt-get update -qq
apt-get install -qq --yes --no-install-recommends cloud-init

userdel --remove debian 2> /dev/null
rm -f /etc/sudoers.d/90-cloud-init-users /etc/ssh/ssh_host_*

cat > /etc/cloud/cloud.cfg.d/90-public-cloud.cfg <<'C'
datasource_list: [ConfigDrive]
# The agent gives the machine its addresses, as the hypervisor's network would.
network: {config: disabled}
C
