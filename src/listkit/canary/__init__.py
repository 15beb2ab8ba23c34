"""`listkit canary`: a message that makes the whole way, so that a stop is noticed before members notice it.

The way: relay → provider → mailbox → bridge → Mailman's list `canary` → relay → provider → mailbox → bridge. The only
member of the list is the mailbox. The bridge recognises the message when it returns, and doesn't forward it.

    cli            options, output, exit status
    configuration  /etc/listkit/canary.json, written by Ansible
    round_trip     sending a message, following it, and the time of each leg
    trip           the outcome of a message
    record         the last result, for `listkit check` and for Prometheus
"""
