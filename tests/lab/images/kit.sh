#!/bin/sh
# Fills apt's archive with what the kit installs, so that a deploy unpacks but doesn't download. Nothing gets installed:
# a deploy onto this image is a deploy onto a fresh host with a very near mirror.
set -eu
apt-get update -qq
xargs -a /run/lab/kit-packages.txt apt-get install -qq --yes --no-install-recommends --download-only

# Compiling the packages' Python takes a quarter of a deploy's processor time, and has the same result each time. It is done here,
# out of Python's sight, and dpkg's hook brings the result when a package has been unpacked. py3compile leaves files alone that are up to date.
tree=$(mktemp -d)
for package in /var/cache/apt/archives/*.deb; do
    dpkg-deb --extract "$package" "$tree"
done
# Some packages bring files for other versions of Python; py3compile leaves these out, too.
python3 -m compileall -qq -j 0 -s "$tree" -p / "$tree/usr/lib/python3" "$tree/usr/share" > /dev/null || true
install -d /usr/lib/lab-bytecode
cd "$tree"
find . -name __pycache__ | tar --create --files-from=- | tar --extract --directory=/usr/lib/lab-bytecode
cd /
rm -r "$tree"
install -m 0755 /run/lab/bytecode.sh /usr/lib/lab-bytecode/hook
echo pre-invoke=/usr/lib/lab-bytecode/hook > /etc/dpkg/dpkg.cfg.d/lab-bytecode
