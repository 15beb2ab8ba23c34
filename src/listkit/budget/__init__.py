"""The sending budget: mail leaves no faster than the provider allows, and no member is bounced for a refusal.

Postfix puts every message on hold as it arrives (`header_checks` says HOLD), so its queue is the only store of mail.
The queue controller releases what fits the account's sliding window, one message after the other, and charges the
ledger.

    window         the arithmetic of the sliding window; pure
    schedule       which message leaves next; pure
    answers        the limits of automatic answers, which anyone can cause; pure
    admission      admits automatic answers or drops them, and summarises what was dropped
    replies        the reasons of the provider's refusals: one table
    ledger         charges, pauses and refusals; SQLite
    account_state  what one account has sent, and what waits, at a moment
    postfix        the queue: listing, releasing, holding and expiring messages
    controller     brings them together, cycle after cycle
    service        the controller as a process, and its status file
    status         where the status file is
    forecast       what the lists need against the limits of the accounts
    report         the figures as a table, as JSON and as Prometheus metrics
    cli            `listkit budget`

`docs/design/outbound.md` explains the design.
"""
