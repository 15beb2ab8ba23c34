"""The outbound budget: mail leaves no faster than the provider allows, and members never pay for a refusal.

Postfix puts every message on hold as it arrives (`header_checks` says HOLD), so its queue is the only store of mail.
The valve releases what fits the account's sliding window, one message after the other, and charges the ledger.

    window      the arithmetic of the sliding window; pure
    schedule    which message goes next; pure
    replies     what an answer of the provider means: one table
    ledger      what left when, who is paused, which message is in trouble; SQLite
    outlook     what one account has before it at a moment
    postfix     the queue: what is where, release, hold, expire
    valve       brings the six together, again and again
    service     the valve as a process, and the files with its numbers
    forecast    what the lists need against what the accounts may
    report      the numbers as a table, as JSON and as Prometheus metrics
    cli         `listkit budget`

`docs/runbooks/outbound.md` says why it is built this way.
"""
