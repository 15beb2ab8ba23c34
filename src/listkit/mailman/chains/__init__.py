"""Chains: Mailman looks for them in a package of this name."""
