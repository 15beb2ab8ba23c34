#!/bin/sh
# Runs inside a fresh minbase root and makes it look like Debian's cloud image: a user `debian` with sudo and a key.
# Arguments: the release, the public key that may log in.
set -eu
release=$1 key=$2

useradd --create-home --shell /bin/bash --comment 'Debian' debian
echo 'debian ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/90-cloud-init-users
chmod 0440 /etc/sudoers.d/90-cloud-init-users
install -d -m 0700 -o debian -g debian /home/debian/.ssh
echo "$key" > /home/debian/.ssh/authorized_keys
chown debian:debian /home/debian/.ssh/authorized_keys
chmod 0600 /home/debian/.ssh/authorized_keys

# The lab's host key takes the place of the generated ones: see `lab.keys`.
rm -f /etc/ssh/ssh_host_*
install -m 0600 /run/lab/host_key /etc/ssh/ssh_host_ed25519_key
install -m 0644 /run/lab/host_key.pub /etc/ssh/ssh_host_ed25519_key.pub

# A lab may lose its last second when the machine does; without this, dpkg waits for the disk at every file.
echo force-unsafe-io > /etc/dpkg/dpkg.cfg.d/lab
# Hosts belong to a test: none may start to upgrade itself in the middle of one, or put its logs away.
for unit in apt-daily apt-daily-upgrade logrotate; do
    install -d "/etc/systemd/system/$unit.service.d"
    printf '[Unit]\nConditionPathExists=!/etc/lab-image\n' > "/etc/systemd/system/$unit.service.d/lab.conf"
done
systemctl mask systemd-networkd.service systemd-resolved.service systemd-timesyncd.service 2> /dev/null
echo LANG=C.UTF-8 > /etc/default/locale
# Empty, not absent: a new id for every host, without the rest of "first boot".
: > /etc/machine-id
echo "lab image of $release, $(date -u +%Y-%m-%d)" > /etc/lab-image
