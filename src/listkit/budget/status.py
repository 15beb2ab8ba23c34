"""Where the budget's figures are; read by programs that don't need the budget itself."""

from pathlib import Path

STATUS = Path("/run/listkit-budget/status.json")
STALE_SECONDS = 180
"""Older figures mean that the controller makes no progress: it refreshes them in every cycle."""
