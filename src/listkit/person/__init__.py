"""`listkit person`: what the site holds about a person, and its erasure.

    cli          options, output, exit status
    report       the reports for the person
    erasure      search and erasure in all parts; continues after a crash
    parts        the parts on this host
    core         Mailman's core and its files
    digest       the mailbox of a list's next digest
    records      the bridge's journal and the budget's ledger
    mailbox      the folders at the mail provider
    relay        Postfix's queue
    logs         log files and the system's journal
    files        files that name a person
    finding      what is held, by kind
    identity     a person's addresses and names
    redaction    replacing them in texts

What runs inside Mailman is `listkit.mailman.people`, and inside Django `listkit.web.people`.
"""
