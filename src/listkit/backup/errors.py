"""Why a backup or a restore was not possible."""


class BackupError(Exception):
    """The text says what failed and why, for people, and has no secret in it."""
