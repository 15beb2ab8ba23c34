"""The bridge: carries mail from the mail service's IMAP mailboxes to Mailman's LMTP server.

One thread for each mailbox: `worker` runs one `session` (an IMAP connection) after another, which runs the `sweep` of
the folders and `pruning`, and a sweep has `processing` handle each message: `imap` → `message` (form and identity) →
`routing` → `delivery` → `smtp` (LMTP) → `journal` → `moves`. `retries` and `backlog` keep the books on what waits.
`policy` holds the decisions as pure functions. docs/runbooks/bridge.md says what is promised and how.
"""
