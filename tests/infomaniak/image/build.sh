#!/bin/sh
# The software of the stand-in mail service and of the strict receiver; `infomaniak.service` configures and starts it.
set -eu
echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
apt-get update -qq
xargs -a /run/lab/packages.txt apt-get install -qq --yes --no-install-recommends
# Not before they are configured.
systemctl disable postfix dovecot opendkim opendmarc dnsmasq 2> /dev/null
