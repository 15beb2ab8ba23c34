"""Whether mail arrives for each of the lists' addresses: test messages through the provider, which the bridge deletes.

targets  the addresses to write to, and the mailbox in which each has to arrive
trips    sending the messages in batches, and following each until it arrives or is known to be lost
"""

BATCH = 10
"""Test messages that are sent at once."""
PATIENCE_SECONDS = 120.0
"""How long to wait for those of a batch."""
