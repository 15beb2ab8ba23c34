"""A message's way, from the mailbox to the provider's answer for each recipient, and decisions about one that is stuck.

    cli       options, output, exit status
    event     what a part of the site says about a message; the search
    tracing   asks every source, and sorts what they say by message
    report    the output
    place     where a message is, for a decision
    deciding  lets a message go on, deletes it, or has it delivered again
    journal   reading systemd's journal
    mailbox   the folders of the mailboxes, by IMAP
    bridge    the bridge's log
    core      Mailman's log, its queues and the held posts
    relay     Postfix's log and its queue

A source yields all its events of the last days; the search runs over all of them. So a message that only one source
knows by its subject is followed through the others by its Message-ID.
"""
