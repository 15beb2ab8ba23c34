"""The bridge: carries mail from the mail service's IMAP mailboxes to Mailman's LMTP server.

A message's way through it: `worker` (the mailbox) → `imap` → `message` (its form and its name) → `routing` →
`delivery` → `transfer` (LMTP) → `journal` → `worker` (the move out of the folder). `policy` holds the decisions, as
pure functions.
docs/runbooks/bridge.md says what is promised and how.
"""
