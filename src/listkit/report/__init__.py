"""`listkit report`: what happened in a month, by list and for the site.

A timer records each day when it is over. What a record is made from is kept for days or weeks only; the records are
kept for more than a year.

    cli            options, output, exit status
    configuration  /etc/listkit/report.json, written by Ansible
    day            the record of a day
    store          the records, a file for each month
    gathering      the sources of a record
    mailman_log    what Mailman logged in a day
    month          the figures of a month
    text           the report for people
    mailing        the monthly mail to the site's owner
"""
