"""What the web side of Mailman runs on the host: its set-up, its application and its job queue."""

from pathlib import Path

PROJECT = Path("/usr/share/mailman3-web")
"""Debian's Django project: its settings read ours."""

SETTINGS_MODULE = "settings"

SHARE = Path("/usr/local/share/listkit/web")
"""What the role `web` installs beside the code: `templates/` and `robots.txt`."""
