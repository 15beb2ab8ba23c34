"""What runs inside GNU Mailman core: list styles, the LMTP runner and the master process."""
