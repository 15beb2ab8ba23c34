"""`listkit alert`: runs the checks regularly, and reports a problem once when it begins and once when it ends.

Alerts travel by HTTPS or another SMTP account, not by the mail that they are about.

The same findings become metrics and the status page (`listkit.status`).

    cli            options, output, exit status
    configuration  /etc/listkit/alert.json and the addresses in /etc/listkit/secrets, written by Ansible
    changes        what has begun and what has ended since the last run
    message        the text of a message
    delivery       ntfy, webhooks, and the heartbeat
    smtp           another SMTP account
"""
