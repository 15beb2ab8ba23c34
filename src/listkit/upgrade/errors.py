"""Why an upgrade can't go on."""


class UpgradeError(Exception):
    """The text says what failed and why, for people."""
