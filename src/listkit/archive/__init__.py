"""`listkit archive`: bring older archives into HyperKitty, delete what has expired, and keep the search index complete.

    cli          options, output, exit status
    sources      the messages of a file or directory, whatever its form and compression
    mbox         the messages of an mbox stream
    dates        dates of messages and separators
    message      a message of a mailbox, cleaned for the archive
    importing    which messages are new, in batches; the account of all others
    report       the account, and progress
    store        HyperKitty's database
    retention    for how long posts are kept
    pruning      deletes threads that have expired
    known_rows   rows that HyperKitty looks up for each post, in memory

Only `store` and `pruning` need Django. The index itself is `listkit.web.search_index`: the job queue updates it, too.
"""
