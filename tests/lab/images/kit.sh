#!/bin/sh
# Fills apt's archive with what the kit installs, so that a deploy unpacks but doesn't download. Nothing gets installed:
# a deploy onto this image is a deploy onto a fresh host with a very near mirror.
set -eu
apt-get update -qq
xargs -a /run/lab/kit-packages.txt apt-get install -qq --yes --no-install-recommends --download-only
