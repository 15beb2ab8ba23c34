"""The mark of the canary's messages, which the bridge recognises when they return."""

HEADER = "X-Listkit-Canary"
RETURNED = "the canary has returned"
"""The bridge's log message about them."""
