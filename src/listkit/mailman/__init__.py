"""Code that runs inside GNU Mailman core: the settings of new lists, the LMTP runner and the master process."""
