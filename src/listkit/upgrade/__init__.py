"""Debian 12 becomes 13 in place, on a site of one host: `playbooks/upgrade.yml` runs the steps, then deploys.

cli         `listkit upgrade`
progress    the step that was reached, and the way back from it
releases    the two releases, and which one this host has
preflight   what is in the way, found before anything changes
sources     apt's sources, changed to the next release
packages    Debian's packages, replaced with apt
clusters    PostgreSQL: the data in the next version's cluster, the old cluster kept
services    mail and the web interface, stopped with no job left that the next release can't read
errors      why something was not possible, for people

Mailman's packages are removed first, and installed again by the playbook. So they set up the next release's tables in
the new cluster, with the next release's configuration; the old cluster keeps the data as it was.
"""
