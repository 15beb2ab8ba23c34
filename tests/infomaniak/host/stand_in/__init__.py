"""What runs on the hosts of the stand-in: Debian's Python, and nothing of the repository beside it."""
