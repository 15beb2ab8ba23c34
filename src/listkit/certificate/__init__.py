"""The web server's certificate: from Let's Encrypt or another ACME authority, self-signed, or the operator's own.

cli             `listkit certificate`
configuration   `/etc/listkit/certificate.json`
lifecycle       which certificate is installed, when it is renewed, and the web server's reload
acme            asking the authority, with certbot
reachability    whether the authority could reach this host under its names
dns_lookup      the addresses that the DNS has for a name
files           reading, checking and making certificate files
store           the directory where the web server finds its certificate
"""
