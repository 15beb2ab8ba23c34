#!/bin/sh
# Installs OpenStack's packages: a layer of its own, because it takes two minutes and rarely changes.
set -eu
apt-get update -qq
xargs -a /run/lab/packages.txt apt-get install -qq --yes --no-install-recommends
